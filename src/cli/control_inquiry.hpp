// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/control_request.hpp"
#include "cli/events/event.hpp"
#include "cli/user_error.hpp"
#include "net/stream_factory.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// One question at a control socket: at the first of some paths where somebody answers.
///
///   dialling ──► asked ──► answered ──► ended
///       └───────────┴──► failed
class ControlInquiry final : net::ByteStreamObserver {
 public:
  struct Failure {
    enum class Kind {
      kNobody,     // at any of the paths
      kForbidden,  // this user may not ask there: `path`
      kSilent,     // nothing came in time: an answer, or the end after it
      kEnded,      // the connection, before an answer
      kRefused,    // the answer is an error, or none that is understood: `error`
    };
    Kind kind = Kind::kNobody;
    std::string text = {};  // what happened at the paths, one clause for people
    std::string path = {};
    UserError error = {};
  };
  /// None is called from inside start(), and each may destroy the inquiry through Scheduler::retire().
  struct Outcomes {
    std::function<void(const Json& answer)> answered;
    std::function<void(const Failure& failure)> failed;
    /// The connection has ended after the answer, for whoever waits for that.
    std::function<void()> ended = {};
  };

  ControlInquiry(Scheduler& scheduler, net::StreamFactory& streams, ControlCommand command,
                 std::vector<std::string> paths, Outcomes outcomes);
  ~ControlInquiry() override;
  ControlInquiry(const ControlInquiry&) = delete;
  ControlInquiry& operator=(const ControlInquiry&) = delete;

  /// `patience`: for all of it.
  void start(Duration patience);
  void cancel();

 private:
  // net::ByteStreamObserver
  void on_readable() override;
  void on_writable() override { out_.erase(0, stream_->write(as_bytes(out_))); }
  void on_reset(const std::string&) override { on_end(); }

  void dial_next();
  void ask(std::unique_ptr<net::ByteStream> stream);
  void look_for_answer(std::size_t fresh);
  void on_end();
  void fail(const Failure& failure);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  const std::vector<std::string> paths_;
  const Outcomes outcomes_;
  std::size_t tried_ = 0;
  std::string problems_;
  std::string forbidden_;  // the path that it was, if any
  std::unique_ptr<net::Dial> dial_;
  std::unique_ptr<net::ByteStream> stream_;
  std::string out_;
  std::string in_;
  bool answered_ = false;
  bool over_ = false;
  Task first_task_;
  Timer patience_timer_;
};

/// A JSON object with a string "event". Throws the UserError that an "error" describes, and
/// BAD_ANSWER for anything that is not an answer.
Json decode_answer(std::string_view line);
/// The error of an answer that makes no sense.
UserError bad_answer();

}  // namespace hsfwd::cli
