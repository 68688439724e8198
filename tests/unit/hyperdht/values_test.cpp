// SPDX-License-Identifier: Apache-2.0
// Topics and values, stored by nodes and read by others.
#include <catch2/catch.hpp>
#include <set>

#include "hyperdht/store/operations.hpp"
#include "swarm.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

Bytes text(const char* s) {
  return to_bytes(as_bytes(s));
}

}  // namespace

TEST_CASE("immutable values: stored under their hash, found from elsewhere, and nothing else is") {
  Swarm swarm(20);
  swarm.grow_to(40);
  std::optional<rpc::Target> target;
  PutImmutable put(swarm.nodes[3]->node(), text("a value"), [&](const auto& result) {
    REQUIRE(result.ok());
    target = *result;
  });
  put.start();
  REQUIRE(swarm.world.run_until([&] { return target.has_value(); }, 20_s));
  std::optional<Bytes> value;
  GetImmutable get(swarm.nodes[30]->node(), *target, [&](const auto& result) {
    if (result) value = *result;
  });
  get.start();
  REQUIRE(swarm.world.run_until([&] { return value.has_value(); }, 20_s));
  CHECK(*value == text("a value"));

  bool missing = false;
  GetImmutable none(swarm.nodes[30]->node(), rpc::target_of(crypto::blake2b_256(text("other"))),
                    [&](const auto& result) { missing = !result; });
  none.start();
  REQUIRE(swarm.world.run_until([&] { return missing; }, 20_s));
}

TEST_CASE("mutable values: the newest one wins, older ones are refused") {
  Swarm swarm(21);
  swarm.grow_to(40);
  const auto keys = swarm.keys(50);
  const auto put = [&](std::uint64_t seq, const char* value) {
    std::optional<bool> ok;
    PutMutable operation(swarm.nodes[5]->node(), keys, seq, text(value),
                         [&](const auto& result) { ok = result.ok(); });
    operation.start();
    REQUIRE(swarm.world.run_until([&] { return ok.has_value(); }, 20_s));
    return *ok;
  };
  const auto get = [&](std::uint64_t seq) -> std::optional<std::string> {
    std::optional<std::optional<std::string>> out;
    GetMutable operation(swarm.nodes[33]->node(), keys.public_key, seq, [&](const auto& result) {
      out = result ? std::optional<std::string>(as_text(result->value)) : std::nullopt;
    });
    operation.start();
    REQUIRE(swarm.world.run_until([&] { return out.has_value(); }, 20_s));
    return *out;
  };
  CHECK(!get(0));
  CHECK(put(1, "one"));
  CHECK(get(0) == "one");
  CHECK(put(2, "two"));
  CHECK(get(0) == "two");
  CHECK(get(2) == "two");
  CHECK(!get(3));
  put(1, "old again");
  CHECK(get(0) == "two");
  put(2, "same number, other value");
  CHECK(get(0) == "two");
}

TEST_CASE("topics: announced peers are found, until they take it back or time passes") {
  Swarm swarm(22);
  swarm.grow_to(40);
  const rpc::Target topic = rpc::target_of(crypto::blake2b_256(text("topic")));
  const auto announce = [&](std::uint8_t key, Command command) {
    std::optional<bool> ok;
    AnnounceTopic operation(swarm.nodes[7]->node(), command, topic, swarm.keys(key),
                            {{net::Ipv4::of(1, 2, 3, 4), 5}}, 0,
                            [&](const auto& result) { ok = result.ok(); });
    operation.start();
    REQUIRE(swarm.world.run_until([&] { return ok.has_value(); }, 20_s));
    CHECK(*ok);
  };
  const auto lookup = [&] {
    std::set<crypto::PublicKey> found;
    bool done = false;
    LookupTopic operation(
        swarm.nodes[35]->node(), topic,
        [&](const LookupReply& reply) {
          for (const PeerRecord& peer : reply.peers) found.insert(peer.public_key);
        },
        [&] { done = true; });
    operation.start();
    REQUIRE(swarm.world.run_until([&] { return done; }, 20_s));
    return found;
  };
  CHECK(lookup().empty());
  announce(60, Command::kAnnounce);
  announce(61, Command::kAnnounce);
  CHECK(lookup() ==
        std::set<crypto::PublicKey>{swarm.keys(60).public_key, swarm.keys(61).public_key});
  announce(60, Command::kUnannounce);
  CHECK(lookup() == std::set<crypto::PublicKey>{swarm.keys(61).public_key});
  swarm.world.run_for(30_min);
  CHECK(lookup().empty());
}
