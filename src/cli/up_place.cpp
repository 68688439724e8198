// SPDX-License-Identifier: Apache-2.0
#include "cli/up_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "cli/control_client.hpp"
#include "cli/plan.hpp"
#include "platform/control_socket.hpp"

namespace hsfwd::cli {

namespace {

bool is_missing(const std::string& path) {
  std::error_code error;
  return std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found;
}

}  // namespace

UpPlace::UpPlace(const CommandLine& line)
    : chosen_(line.has("config") || line.has("socket")), candidates_{line.path("socket")} {
  if (!candidates_[0].empty()) return;
  std::string file;
  try {
    file = choose_plan_file(line);
  } catch (const UserError& error) {
    problem_ = error;
    return;
  }
  if (file == kStandardInput) {
    throw UserError{kUsage, "USAGE",
                    "-c -: an hsfwd up that read standard input is reached by its --socket PATH"};
  }
  subject_ = fmt::format(" with {}{}", file, is_missing(file) ? " (there is no such file)" : "");
  candidates_ = platform::control_socket_candidates(file);
  // A service does not run what is this user's own, or is not there: what it hides is not this.
  if (!is_missing(file) && !platform::is_own_file(file)) return;
  const auto of_services = candidates_.begin() +
                           static_cast<std::ptrdiff_t>(platform::control_socket_paths(file).size());
  candidates_.erase(std::remove_if(of_services, candidates_.end(), platform::is_unseen),
                    candidates_.end());
}

std::vector<std::string> UpPlace::paths() const {
  return present_sockets(candidates_);
}

UserError UpPlace::error_of(const ControlInquiry::Failure& failure, ControlCommand command) const {
  return error_of_up(failure, command, subject_);
}

}  // namespace hsfwd::cli
