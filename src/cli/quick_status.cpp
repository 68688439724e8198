// SPDX-License-Identifier: Apache-2.0
#include "cli/quick_status.hpp"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/control_inquiry.hpp"
#include "platform/control_socket.hpp"
#include "platform/loop.hpp"
#include "platform/streams.hpp"

namespace hsfwd::cli {

namespace {

// Somebody has pressed a key, and waits.
constexpr Duration kQuickPatience = 250_ms;

Json ask_quickly(std::vector<std::string> paths) {
  platform::Loop loop;
  const std::unique_ptr<net::StreamFactory> streams = platform::make_stream_factory(loop);
  Json out;
  ControlInquiry inquiry(loop.scheduler(), *streams, ControlCommand::kStatus, std::move(paths),
                         {.answered =
                              [&](const Json& answer) {
                                out = answer;
                                loop.stop();
                              },
                          .failed = [&](const ControlInquiry::Failure&) { loop.stop(); }});
  inquiry.start(kQuickPatience);
  loop.run();
  return out;
}

}  // namespace

Json quick_status(const std::string& config_file) {
  std::vector<std::string> paths = platform::control_socket_candidates(config_file);
  std::erase_if(paths, [](const std::string& path) {
    std::error_code error;
    return !std::filesystem::is_socket(path, error);
  });
  return paths.empty() ? Json() : ask_quickly(std::move(paths));
}

}  // namespace hsfwd::cli
