// SPDX-License-Identifier: Apache-2.0
// A value that the owner of a key keeps in the DHT is there as long as it is kept, whatever was there before.
#include "node/public_value.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "hyperdht/store/operations.hpp"
#include "unit/node/session_world.hpp"

using namespace hsfwd;

namespace {

Bytes text(std::string_view s) {
  return to_bytes(as_bytes(s));
}

struct Keeping {
  explicit Keeping(int seed, std::size_t nodes = 30) : swarm(seed) {
    swarm.grow_to(nodes);
    owner.emplace(swarm, std::uint8_t{70}, Seat{}, Options{});
    reader.emplace(swarm, std::uint8_t{71}, Seat{}, Options{});
  }

  std::unique_ptr<KeptValue> keep(std::string_view value) {
    auto out = std::make_unique<KeptValue>(*owner->node, keys, text(value),
                                           [this](bool ok) { ok ? ++stored : ++failed; });
    owner->host().freeze();
    out->start();
    return out;
  }

  std::string find() {
    std::optional<std::string> out;
    FindValue search(*reader->node, keys.public_key, [&](const std::optional<Bytes>& found) {
      out = found ? std::string(as_text(*found)) : "nothing";
    });
    reader->host().freeze();
    search.start();
    REQUIRE(swarm.world.run_until([&] { return out.has_value(); }, 30_s));
    return *out;
  }

  bool await_stored(int times) {
    return swarm.world.run_until([&] { return stored >= times; }, 30_s);
  }

  hyperdht::Swarm swarm;
  const KeyPair keys = swarm.keys(72);
  std::optional<Participant> owner;
  std::optional<Participant> reader;
  int stored = 0;
  int failed = 0;
};

}  // namespace

TEST_CASE("a value that is kept is found, and another one takes its place") {
  Keeping k(40);
  CHECK(k.find() == "nothing");
  auto kept = k.keep("first");
  REQUIRE(k.await_stored(1));
  CHECK(k.find() == "first");
  kept = k.keep("second");
  REQUIRE(k.await_stored(2));
  CHECK(k.find() == "second");
  // A program that starts again with the same value is no conflict.
  kept = k.keep("second");
  REQUIRE(k.await_stored(3));
  CHECK(k.find() == "second");
  CHECK(k.failed == 0);
}

TEST_CASE("a value is stored again from time to time, and outlives the nodes that had it") {
  // Three days of thirty nodes are most of what a program's tests cost, and eight forget as they do.
  Keeping k(41, 8);
  const auto kept = k.keep("still here");
  REQUIRE(k.await_stored(1));
  // Nodes forget values after 64 hours at the latest, and these had not been asked for.
  k.swarm.world.run_for(60_min * (3 * 24));
  CHECK(k.stored > 24);
  CHECK(k.find() == "still here");
}

TEST_CASE("a value that cannot be stored for lack of a network is stored once there is one") {
  Keeping k(42);
  k.owner->host().link().set_connected(false);
  const auto kept = k.keep("late");
  REQUIRE(k.swarm.world.run_until([&] { return k.failed > 0; }, 2_min));
  CHECK(k.stored == 0);
  k.owner->host().link().set_connected(true);
  REQUIRE(k.swarm.world.run_until([&] { return k.stored > 0; }, 5_min));
  CHECK(k.find() == "late");
}

TEST_CASE("a value is given up inside its own callback") {
  Keeping k(43);
  std::unique_ptr<KeptValue> kept;
  bool over = false;
  kept = std::make_unique<KeptValue>(*k.owner->node, k.keys, text("brief"), [&](bool) {
    kept.reset();
    over = true;
  });
  k.owner->host().freeze();
  kept->start();
  REQUIRE(k.swarm.world.run_until([&] { return over; }, 30_s));
  k.swarm.world.run_for(60_min * 2);
  CHECK(k.find() == "brief");
}
