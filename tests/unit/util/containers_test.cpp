// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "util/bounded_map.hpp"
#include "util/buffer_pool.hpp"
#include "util/owned_set.hpp"
#include "util/ring.hpp"
#include "util/slot_map.hpp"

using namespace hsfwd;

TEST_CASE("a ring is a queue through growth and wrap-around") {
  Ring<std::string> ring;
  int in = 0;
  int out = 0;
  // Never empty for long, never small for long: both ends pass the seam many times.
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 1 + round % 7; ++i) ring.push_back(std::to_string(in++));
    while (ring.size() > static_cast<std::size_t>(round % 20)) {
      REQUIRE(ring.front() == std::to_string(out++));
      ring.pop_front();
    }
    for (std::size_t i = 0; i < ring.size(); ++i) {
      REQUIRE(ring[i] == std::to_string(out + static_cast<int>(i)));
    }
    if (!ring.empty()) REQUIRE(ring.back() == std::to_string(in - 1));
  }
  ring.clear();
  CHECK(ring.empty());
}

TEST_CASE("what is popped off a ring is let go at once") {
  Ring<std::shared_ptr<int>> ring;
  const auto value = std::make_shared<int>(1);
  ring.push_back(value);
  CHECK(value.use_count() == 2);
  ring.pop_front();
  CHECK(value.use_count() == 1);
}

TEST_CASE("a ring that was large for a while is a queue as before once it has shrunk") {
  Ring<int> ring;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) ring.push_back(i);
    for (int i = 0; i < 100; ++i) {
      REQUIRE(ring.front() == i);
      ring.pop_front();
    }
    ring.shrink(round == 1 ? 1000 : 16);
    ring.push_back(7);
    CHECK(ring.front() == 7);
    CHECK(ring.size() == 1);
    ring.clear();
  }
}

TEST_CASE("a slot map hands out the lowest free number") {
  SlotMap<int> map;
  const auto add = [&](int value) {
    const std::size_t slot = map.reserve();
    map.put(slot, std::make_unique<int>(value));
    return slot;
  };
  CHECK(add(10) == 0);
  CHECK(add(11) == 1);
  CHECK(add(12) == 2);
  CHECK(*map.take(1) == 11);
  CHECK(*map.take(0) == 10);
  CHECK(map.find(0) == nullptr);
  CHECK(map.find(99) == nullptr);
  CHECK(map.size() == 1);
  CHECK(add(20) == 0);
  const std::size_t given_up = map.reserve();
  CHECK(given_up == 1);
  map.release(given_up);
  CHECK(add(21) == 1);
  std::vector<int> seen;
  map.for_each([&](std::size_t, int& value) { seen.push_back(value); });
  CHECK(seen == std::vector<int>{20, 21, 12});
}

TEST_CASE("a buffer pool uses its buffers again and keeps no more than it may") {
  BufferPool pool(100, 2);
  {
    PooledBuffer a = pool.take();
    CHECK(a.size() == 100);
    const std::uint8_t* memory = a.data();
    a.reset();
    CHECK(!a);
    CHECK(pool.take().data() == memory);
    PooledBuffer moved = pool.take();
    PooledBuffer target = pool.take();
    CHECK(pool.in_use() == 2);
    target = std::move(moved);
    CHECK(pool.in_use() == 1);
    CHECK(!moved);  // NOLINT: what is moved from is empty, as the header says
    std::vector<PooledBuffer> many;
    for (int i = 0; i < 10; ++i) many.push_back(pool.take());
    CHECK(pool.in_use() == 11);
  }
  CHECK(pool.in_use() == 0);
}

TEST_CASE("a bounded map forgets what was noted longest ago") {
  BoundedMap<int, std::string> map(3);
  for (const int key : {2, 1, 3}) map.note(key) = std::to_string(key);
  CHECK(map.size() == 3);
  // Asking keeps nothing, noting does.
  REQUIRE(map.find(2) != nullptr);
  CHECK(*map.find(2) == "2");
  CHECK(map.note(1) == "1");
  map.note(4) = "4";
  CHECK(map.size() == 3);
  CHECK(!map.contains(2));
  map.note(5) = "5";
  CHECK(!map.contains(3));
  REQUIRE(map.find(1) != nullptr);
  CHECK(*map.find(1) == "1");

  SECTION("what is erased makes room, and comes back empty") {
    map.erase(1);
    map.erase(99);
    CHECK(map.find(1) == nullptr);
    CHECK(map.size() == 2);
    CHECK(map.note(1).empty());
    CHECK(map.contains(4));
  }
  SECTION("nothing is left of what is cleared") {
    map.clear();
    CHECK(map.size() == 0);
    for (int key = 0; key < 10; ++key) map.note(key);
    CHECK(map.size() == 3);
    CHECK(map.contains(7));
    CHECK(!map.contains(6));
  }
}

TEST_CASE("references into a bounded map outlive the coming and going of others") {
  BoundedMap<int, int> map(2);
  int& kept = map.note(1);
  kept = 7;
  for (int key = 2; key < 50; ++key) {
    map.note(1);
    map.note(key);
  }
  CHECK(&kept == map.find(1));
  CHECK(kept == 7);
}

namespace {

/// Writes a letter when it is cancelled, and its capital when it goes.
class Ender {
 public:
  Ender(std::string& story, char name) : story_(story), name_(name) {}
  Ender(const Ender&) = delete;
  Ender& operator=(const Ender&) = delete;
  ~Ender() { story_ += static_cast<char>(name_ - 'a' + 'A'); }
  void cancel() { story_ += name_; }
  char name() const { return name_; }

 private:
  std::string& story_;
  const char name_;
};

}  // namespace

TEST_CASE(
    "what is retired from an owned set is cancelled at once, and deleted after the dispatch") {
  Scheduler scheduler;
  std::string story;
  OwnedSet<Ender> set(scheduler);
  set.emplace(story, 'a');
  Ender& b = set.add(std::make_unique<Ender>(story, 'b'));
  set.emplace(story, 'c');
  CHECK(set.front().name() == 'a');

  set.retire(b);
  CHECK(story == "b");
  CHECK(b.name() == 'b');
  CHECK(set.size() == 2);
  // Its end may come from several sides.
  set.retire(b);
  CHECK(story == "b");
  scheduler.collect();
  CHECK(story == "bB");

  std::string left;
  for (const auto& one : set) left += one->name();
  CHECK(left == "ac");

  SECTION("all of them") {
    set.retire_all();
    CHECK(set.empty());
    CHECK(story == "bBac");
    // One that comes in the same dispatch is not among them.
    set.emplace(story, 'd');
    scheduler.collect();
    CHECK(story == "bBacAC");
    CHECK(set.size() == 1);
  }
  SECTION("with the set") {
    {
      OwnedSet<Ender> other(scheduler);
      other.emplace(story, 'e');
    }
    CHECK(story == "bBE");
  }
}
