// SPDX-License-Identifier: Apache-2.0
// `status --watch` and `peers --watch`: asked again and again, and shown in place of what was.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/app.hpp"
#include "cli/control_client.hpp"
#include "cli/control_round.hpp"
#include "cli/up_place.hpp"
#include "platform/live_screen.hpp"

namespace hsfwd::cli {

/// Goes on whatever becomes of the `up`, once it has answered.
///
///   asking ──► resting ──► asking ...
class Watch {
 public:
  static constexpr std::uint64_t kMostSeconds = 3600;

  Watch(App& app, ControlCommand command, const UpPlace& place, AnswerText text, Duration interval);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void start() { ask(); }

 private:
  void ask();
  void on_answers(ControlRound::Answers answers);
  void on_failed(const UserError& error);
  void rest();
  void on_signal(int number);
  void on_typed(std::string_view keys);
  void show();
  void draw();
  std::string head() const;
  std::string trouble() const;
  std::string lines(bool colours) const;

  App& app_;
  const ControlCommand command_;
  const UpPlace& place_;
  const AnswerText text_;
  const Duration interval_;
  std::unique_ptr<ControlRound> round_;
  ControlRound::Answers last_;   // as they came
  ControlRound::Answers shown_;  // the same with rates
  Instant answered_at_;
  std::optional<UserError> error_;  // since then
  bool written_ = false;            // anything, without a screen
  Timer again_timer_;
  std::unique_ptr<platform::Signals> signals_;
  std::unique_ptr<platform::LiveScreen> screen_;  // goes first
};

}  // namespace hsfwd::cli
