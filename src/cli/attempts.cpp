// SPDX-License-Identifier: Apache-2.0
#include "cli/attempts.hpp"

#include <utility>

#include "util/text.hpp"

namespace hsfwd::cli {

/// All copies of a sink share one, which sees when the last of them goes.
class Attempts::Recorder {
 public:
  Recorder(std::weak_ptr<List> list, RecordedAttempt attempt)
      : list_(std::move(list)), attempt_(std::make_shared<RecordedAttempt>(std::move(attempt))) {}
  ~Recorder() { attempt_->over = true; }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void add(const AttemptEvent& event) {
    if (attempt_->steps.empty() && !enlist()) return;
    if (event.step == AttemptStep::kPath && !attempt_->opened_at) attempt_->opened_at = event.at;
    if (event.step == AttemptStep::kFailed) attempt_->failure = event.failure;
    if (attempt_->steps.size() >= kMaxSteps) return;
    attempt_->steps.push_back(event);
    attempt_->steps.back().text = shortened(event.text, kMaxStepText);
  }

 private:
  bool enlist() {
    const auto list = list_.lock();
    if (!list) return false;
    list->push_front(attempt_);
    if (list->size() > kMaxAttempts) list->pop_back();
    return true;
  }

  const std::weak_ptr<List> list_;
  const std::shared_ptr<RecordedAttempt> attempt_;
};

AttemptSink Attempts::record(std::uint64_t id, const PublicKey& peer, const std::string& service) {
  RecordedAttempt attempt;
  attempt.id = id;
  attempt.peer = peer;
  attempt.service = shortened(service, kMaxServiceText);
  attempt.began = scheduler_.now();
  return [recorder = std::make_shared<Recorder>(list_, std::move(attempt))](
             const AttemptEvent& event) { recorder->add(event); };
}

}  // namespace hsfwd::cli
