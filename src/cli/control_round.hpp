// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/control_inquiry.hpp"
#include "cli/up_place.hpp"

namespace hsfwd::cli {

/// One question to the `up` of a command line, or, where it names none and none runs that this user may ask, to all that
/// this user runs.
class ControlRound {
 public:
  /// In the order of their commands and process ids.
  using Answers = std::vector<Json>;
  using Done = std::function<void(const Result<Answers, UserError>& outcome)>;

  ControlRound(Scheduler& scheduler, net::StreamFactory& streams, ControlCommand command,
               const UpPlace& place)
      : scheduler_(scheduler), streams_(streams), command_(command), place_(place) {}
  ControlRound(const ControlRound&) = delete;
  ControlRound& operator=(const ControlRound&) = delete;

  /// Not to the others, whatever becomes of the `up`.
  void only_up() { only_up_ = true; }
  /// `done` is called once, not from inside this call. `patience`: for either of the two.
  void start(Duration patience, Done done);

 private:
  void on_no_place(const UserError& problem);
  void on_failed(const UserError& error, bool not_asked);
  void ask_commands(const UserError& error);
  void on_command(std::size_t index, std::optional<Json> answer);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  const ControlCommand command_;
  const UpPlace& place_;
  bool only_up_ = false;
  Duration patience_;
  Done done_;
  std::unique_ptr<ControlInquiry> up_;
  std::vector<std::unique_ptr<ControlInquiry>> commands_;
  std::vector<std::optional<Json>> answers_;  // of commands
  std::size_t missing_ = 0;
  std::optional<UserError> error_;  // of the up
  std::unique_ptr<Task> failed_task_;
};

}  // namespace hsfwd::cli
