// SPDX-License-Identifier: Apache-2.0
#include "cli/control_round.hpp"

#include <utility>

#include "platform/control_socket.hpp"

namespace hsfwd::cli {

void ControlRound::start(Duration patience, Done done) {
  patience_ = patience;
  done_ = std::move(done);
  if (place_.problem()) {
    failed_task_ = std::make_unique<Task>(scheduler_, [this] { on_no_place(*place_.problem()); });
    return failed_task_->post();
  }
  up_ = std::make_unique<ControlInquiry>(
      scheduler_, streams_, command_, place_.paths(),
      ControlInquiry::Outcomes{.answered = [this](const Json& answer) { done_(Answers{answer}); },
                               .failed =
                                   [this](const ControlInquiry::Failure& failure) {
                                     using Kind = ControlInquiry::Failure::Kind;
                                     on_failed(place_.error_of(failure, command_),
                                               failure.kind == Kind::kNobody ||
                                                   failure.kind == Kind::kForbidden);
                                   }});
  up_->start(patience);
}

/// Who has only expose and connect needs no file; a place that was named has to be one.
void ControlRound::on_no_place(const UserError& problem) {
  if (place_.chosen()) return done_(Err(problem));
  ask_commands({kPeerUnreachable, "NOT_RUNNING",
                "no hsfwd of this user runs; for an hsfwd up: " + problem.message});
}

/// `not_asked`: there is none, or it is not for this user to ask.
void ControlRound::on_failed(const UserError& error, bool not_asked) {
  if (not_asked && !only_up_ && !place_.chosen()) return ask_commands(error);
  done_(Err(error));
}

void ControlRound::ask_commands(const UserError& error) {
  error_ = error;
  std::vector<std::string> sockets = platform::up_sockets();
  for (std::string& path : platform::command_sockets()) sockets.push_back(std::move(path));
  if (sockets.empty()) return done_(Err(error));
  missing_ = sockets.size();
  answers_.resize(sockets.size());
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    commands_.push_back(std::make_unique<ControlInquiry>(
        scheduler_, streams_, command_, std::vector<std::string>{sockets[i]},
        ControlInquiry::Outcomes{
            .answered = [this, i](const Json& answer) { on_command(i, answer); },
            .failed = [this, i](const ControlInquiry::Failure&) { on_command(i, std::nullopt); }}));
    commands_.back()->start(patience_);
  }
}

/// One that has just ended, or stands still, is left out.
void ControlRound::on_command(std::size_t index, std::optional<Json> answer) {
  answers_[index] = std::move(answer);
  if (--missing_ > 0) return;
  Answers out;
  for (std::optional<Json>& one : answers_) {
    if (one) out.push_back(std::move(*one));
  }
  if (out.empty()) return done_(Err(*error_));
  done_(std::move(out));
}

}  // namespace hsfwd::cli
