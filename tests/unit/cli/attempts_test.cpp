// SPDX-License-Identifier: Apache-2.0
#include "cli/attempts.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace hsfwd::cli {

namespace {

AttemptEvent step_of(const Scheduler& scheduler, AttemptStep step, const std::string& text = "x") {
  return {.at = scheduler.now(), .step = step, .text = text, .failure = std::nullopt};
}

}  // namespace

TEST_CASE("Attempts: what came of one") {
  Scheduler scheduler;
  Attempts attempts(scheduler);
  AttemptSink sink = attempts.record(7, PublicKey{}, "web");
  CHECK(attempts.list().empty());  // a stream of a session that is there takes no steps
  scheduler.advance_to(scheduler.now() + 5_ms);
  sink(step_of(scheduler, AttemptStep::kSearch));
  REQUIRE(attempts.list().size() == 1);
  const RecordedAttempt& attempt = *attempts.list().front();
  CHECK(attempt.id == 7);
  CHECK(attempt.service == "web");
  CHECK_FALSE(attempt.over);

  SECTION("reached, and moved later") {
    scheduler.advance_to(scheduler.now() + 5_ms);
    sink(step_of(scheduler, AttemptStep::kPath));
    const auto opened_at = attempt.opened_at;
    REQUIRE(opened_at);
    CHECK(*opened_at - attempt.began == 10_ms);
    scheduler.advance_to(scheduler.now() + 1_min);
    sink(step_of(scheduler, AttemptStep::kPath));
    CHECK(attempt.opened_at == opened_at);
  }
  SECTION("failed") {
    AttemptEvent event = step_of(scheduler, AttemptStep::kFailed);
    event.failure = AttemptFailure{ConnectError::kPeerNotFound};
    sink(event);
    REQUIRE(attempt.failure);
    CHECK(attempt.failure->error == ConnectError::kPeerNotFound);
  }
  SECTION("given up, by the last of those who have the sink") {
    AttemptSink other = sink;
    sink = nullptr;
    CHECK_FALSE(attempt.over);
    other = nullptr;
    CHECK(attempt.over);
  }
}

TEST_CASE("Attempts: the last ones, and no more of each than there is room for") {
  Scheduler scheduler;
  AttemptSink outlives;
  {
    Attempts attempts(scheduler);
    for (std::uint64_t id = 1; id <= Attempts::kMaxAttempts + 3; ++id) {
      attempts.record(id, PublicKey{}, std::string(1000, 's'))(
          step_of(scheduler, AttemptStep::kSearch, std::string(10'000, 't')));
    }
    REQUIRE(attempts.list().size() == Attempts::kMaxAttempts);
    CHECK(attempts.list().front()->id == Attempts::kMaxAttempts + 3);
    CHECK(attempts.list().back()->id == 4);
    CHECK(attempts.list().front()->service.size() <= Attempts::kMaxServiceText + 3);
    CHECK(attempts.list().front()->steps[0].text.size() <= Attempts::kMaxStepText + 3);

    outlives = attempts.record(99, PublicKey{}, "");
    for (std::size_t i = 0; i < Attempts::kMaxSteps + 9; ++i) {
      outlives(step_of(scheduler, AttemptStep::kHandshake));
    }
    CHECK(attempts.list().front()->steps.size() == Attempts::kMaxSteps);
  }
  outlives(step_of(scheduler, AttemptStep::kPath));  // a connection may outlive the list
  const AttemptSink late = [] {
    Scheduler other;
    return Attempts(other).record(1, PublicKey{}, "");
  }();
  late(step_of(scheduler, AttemptStep::kSearch));  // and begin behind it
}

}  // namespace hsfwd::cli
