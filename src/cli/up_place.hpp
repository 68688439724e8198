// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/control_inquiry.hpp"
#include "cli/options.hpp"

namespace hsfwd::cli {

/// Where the `up` that a command line means answers, and what is said if it does not.
class UpPlace {
 public:
  /// Of `-c FILE` or `--socket PATH`, or the file that is run without them. Throws UserError, but where there is no
  /// such file.
  explicit UpPlace(const CommandLine& line);

  /// That there is no such file.
  const std::optional<UserError>& problem() const { return problem_; }
  /// By -c or --socket: no other command is meant.
  bool chosen() const { return chosen_; }
  /// The paths that exist at the moment; the first of all if none does, for the message.
  std::vector<std::string> paths() const;
  /// Of a question that was not answered.
  UserError error_of(const ControlInquiry::Failure& failure, ControlCommand command) const;

 private:
  std::optional<UserError> problem_;
  bool chosen_ = false;
  std::vector<std::string> candidates_;
  std::string subject_;  // follows "hsfwd up runs", for people
};

}  // namespace hsfwd::cli
