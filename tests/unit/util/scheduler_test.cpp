// SPDX-License-Identifier: Apache-2.0
#include "util/scheduler.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "unit/failing_allocator.hpp"

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

namespace {

/// Is given up inside a callback of its own, and looks at itself afterwards.
struct Resident {
  Resident(Scheduler& s, std::unique_ptr<Resident>& o, std::string& l)
      : scheduler(s), owner(o), log(l), timer(s, [this] { leave("timer "); }), task(s, [this] {
          leave("task ");
        }) {}
  ~Resident() { log += "destroyed "; }

  void leave(const char* where) {
    log += where;
    scheduler.retire(std::move(owner));
    log += name;
  }
  /// As whoever has something under way; called by retire().
  void cancel() {
    log += "cancelled ";
    timer.stop();
    task.cancel();
  }

  Scheduler& scheduler;
  std::unique_ptr<Resident>& owner;
  std::string& log;
  const std::string name = "still there ";
  Timer timer;
  Task task;
};

struct Home {
  Scheduler scheduler;
  std::string log;
  std::unique_ptr<Resident> resident = std::make_unique<Resident>(scheduler, resident, log);
};

}  // namespace

TEST_CASE("an object may be given up inside its own timer") {
  Home home;
  home.resident->timer.start(1_ms);
  home.scheduler.advance_to(at(1));
  CHECK(home.log == "timer cancelled still there destroyed ");
  CHECK(!home.scheduler.next_deadline());
}

TEST_CASE("an object may be given up inside its own task") {
  Home home;
  home.resident->task.post();
  home.scheduler.run_posted();
  CHECK(home.log == "task cancelled still there destroyed ");
  CHECK(!home.scheduler.next_deadline());
}

TEST_CASE("what an object has under way ends when it is given up") {
  Home home;
  Timer first(home.scheduler, [&] {
    home.resident->task.post();
    home.scheduler.retire(std::move(home.resident));
    CHECK(home.log == "cancelled ");
  });
  first.start(1_ms);
  home.resident->timer.start(1_ms);  // due in the same dispatch
  home.scheduler.advance_to(at(1));
  CHECK(home.log == "cancelled destroyed ");
  home.scheduler.advance_to(at(10));
  CHECK(home.log == "cancelled destroyed ");
}

TEST_CASE("what is deleted later is over before the next timer") {
  struct Plain {
    Plain(Scheduler& scheduler, int& fired) : timer(scheduler, [&fired] { ++fired; }) {}
    Timer timer;
  };
  Scheduler scheduler;
  int fired = 0;
  auto plain = std::make_unique<Plain>(scheduler, fired);
  Timer first(scheduler, [&] { scheduler.delete_later(std::move(plain)); });
  first.start(1_ms);
  plain->timer.start(1_ms);
  scheduler.advance_to(at(1));
  CHECK(fired == 0);
}

TEST_CASE("what is given up may give up others as it is destroyed") {
  struct Parent {
    Parent(Scheduler& s, std::unique_ptr<Resident> c) : scheduler(s), child(std::move(c)) {}
    ~Parent() { scheduler.retire(std::move(child)); }
    Scheduler& scheduler;
    std::unique_ptr<Resident> child;
  };
  Home home;
  home.scheduler.delete_later(std::make_unique<Parent>(home.scheduler, std::move(home.resident)));
  CHECK(home.log.empty());
  home.scheduler.run_posted();
  CHECK(home.log == "cancelled destroyed ");
}

TEST_CASE(
    "what is retired while memory runs out is deleted at the end of the dispatch all the same") {
  struct Counted {
    explicit Counted(int& d) : deleted(d) {}
    ~Counted() { ++deleted; }
    void cancel() {}
    int& deleted;
  };
  constexpr int kObjects = 100;
  std::size_t failed = 0;
  // One that is even and one that is odd: places double behind an even number of objects.
  for (const int before : {0, 1}) {
    int deleted = 0;
    Scheduler scheduler;
    for (int i = 0; i < before; ++i) scheduler.retire(std::make_unique<Counted>(deleted));
    for (int i = 0; i < kObjects; ++i) {
      auto object = std::make_unique<Counted>(deleted);
      {
        const FailingAllocator allocator(0);
        scheduler.retire(std::move(object));
        failed += FailingAllocator::has_failed() ? 1 : 0;
      }
      CHECK(deleted == 0);
      // There is memory again.
      scheduler.retire(std::make_unique<Counted>(deleted));
    }
    scheduler.run_posted();
    CHECK(deleted == before + 2 * kObjects);
  }
  CHECK(failed > 0);
}
