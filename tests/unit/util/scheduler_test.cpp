// SPDX-License-Identifier: Apache-2.0
#include "util/scheduler.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

using namespace hsfwd;

namespace {
Instant at(std::int64_t ms) {
  return Instant::from_micros(ms * 1000);
}
}  // namespace

TEST_CASE("timers fire in order of deadline, equal ones in order of arming") {
  Scheduler scheduler;
  std::string fired;
  Timer a(scheduler, [&] { fired += 'a'; });
  Timer b(scheduler, [&] { fired += 'b'; });
  Timer c(scheduler, [&] { fired += 'c'; });
  c.start(5_ms);
  b.start(5_ms);
  a.start(10_ms);
  scheduler.advance_to(at(4));
  CHECK(fired.empty());
  scheduler.advance_to(at(20));
  CHECK(fired == "cba");
  CHECK(!scheduler.next_deadline());
}

TEST_CASE("a heap of many timers stays in order under restarts and stops") {
  Scheduler scheduler;
  std::vector<int> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<Timer>(scheduler, [&fired, i] { fired.push_back(i); }));
    timers.back()->start(Duration::millis((i * 7919) % 500 + 1));
  }
  for (int i = 0; i < 500; i += 3) timers[static_cast<std::size_t>(i)]->stop();
  for (int i = 1; i < 500; i += 3) {
    timers[static_cast<std::size_t>(i)]->start(Duration::millis(1000 - i));
  }
  scheduler.advance_to(at(2000));
  CHECK(fired.size() == 500 - 167);
  const auto deadline = [](int i) { return i % 3 == 1 ? 1000 - i : (i * 7919) % 500 + 1; };
  CHECK(std::is_sorted(fired.begin(), fired.end(),
                       [&](int x, int y) { return deadline(x) < deadline(y); }));
}

TEST_CASE("destroying a timer or a task cancels it") {
  Scheduler scheduler;
  bool fired = false;
  {
    Timer timer(scheduler, [&] { fired = true; });
    Task task(scheduler, [&] { fired = true; });
    timer.start(1_ms);
    task.post();
  }
  scheduler.advance_to(at(10));
  CHECK(!fired);
}

TEST_CASE("tasks run after the callback that posted them, once, in order") {
  Scheduler scheduler;
  std::string ran;
  Task second(scheduler, [&] { ran += '2'; });
  Task first(scheduler, [&] {
    ran += '1';
    second.post();
    second.post();
  });
  Timer timer(scheduler, [&] {
    first.post();
    first.post();
    ran += 't';
  });
  timer.start(1_ms);
  scheduler.advance_to(at(1));
  CHECK(ran == "t12");
}

TEST_CASE("an object may be given up inside its own callback") {
  struct Suicidal {
    Suicidal(Scheduler& s, int& died) : died_(died), timer_(s, [] {}) {}
    ~Suicidal() { ++died_; }
    int& died_;
    Timer timer_;
  };
  Scheduler scheduler;
  int died = 0;
  auto object = std::make_unique<Suicidal>(scheduler, died);
  Timer timer(scheduler, [&] {
    scheduler.retire(std::move(object));
    CHECK(died == 0);
  });
  timer.start(1_ms);
  scheduler.advance_to(at(1));
  CHECK(died == 1);
}
