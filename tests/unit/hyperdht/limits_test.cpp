// SPDX-License-Identifier: Apache-2.0
// The tables that decide who waits and who goes, by themselves.
#include <catch2/catch.hpp>
#include <map>

#include "hyperdht/server/client_relays.hpp"
#include "hyperdht/server/eviction_order.hpp"
#include "hyperdht/server/known_clients.hpp"
#include "util/bytes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;
using Standing = EvictionOrder::Standing;

namespace {

crypto::PublicKey key(std::uint32_t n) {
  crypto::PublicKey out;
  store_le32(out.bytes.data(), n);
  return out;
}
crypto::Hash32 digest(std::uint32_t n) {
  crypto::Hash32 out;
  store_le32(out.bytes.data(), n);
  return out;
}
constexpr net::Ipv4 kHome = net::Ipv4::of(81, 2, 1, 1);
constexpr net::Address kAt{kHome, 5};
constexpr Instant kStart = Instant::from_micros(1'000'000'000);

}  // namespace

TEST_CASE("what is over makes room first, the oldest of it") {
  EvictionOrder order(8);
  for (std::size_t i = 0; i < 4; ++i) order.add(i, kHome, Standing::kStranger);
  order.change(2, Standing::kOver);
  order.change(1, Standing::kOver);
  CHECK(order.next() == 1);
  order.remove(1);
  CHECK(order.next() == 2);
  order.remove(2);
  CHECK(order.next() == 0);
  order.remove(0);
  order.remove(0);
  order.change(0, Standing::kAlive);
  CHECK(order.size() == 1);
  order.remove(3);
  CHECK(!order.next());
}

TEST_CASE("a host, or a network of hosts, with too many sessions pushes out its own") {
  const bool one_host = GENERATE(true, false);
  const auto standing = GENERATE(Standing::kStranger, Standing::kAlive);
  EvictionOrder order(1024);
  std::map<std::size_t, net::Ipv4> hosts;
  const auto add = [&](net::Ipv4 host) {
    const std::size_t id = hosts.size();
    hosts[id] = host;
    order.add(id, host, standing);
  };
  for (std::uint32_t i = 0; i < 100; ++i) add({kHome.value + (i << 8)});
  for (std::uint32_t i = 0; i < 924; ++i) add({one_host ? 0x09090901u : 0x09090900u + i % 250});
  REQUIRE(order.full());
  for (int i = 0; i < 850; ++i) {
    const std::size_t id = *order.next();
    CHECK((hosts.at(id).value >> 8) == 0x090909u);
    order.remove(id);
  }
}

TEST_CASE("addresses that are made up do not push out who has shown a sign of life") {
  EvictionOrder order(1024);
  std::map<std::size_t, net::Ipv4> hosts;
  for (std::size_t i = 0; i < 5000; ++i) {
    while (order.full()) {
      CHECK(hosts.at(*order.next()) != kHome);
      order.remove(*order.next());
    }
    const bool honest = i == 0;
    hosts[i] = honest ? kHome : net::Ipv4{0x10000000u + static_cast<std::uint32_t>(i) * 1021u};
    order.add(i, hosts[i], Standing::kStranger);
    if (i == 300) order.change(0, Standing::kAlive);
  }
  // Nor do signs of life from one place push out those who have just come.
  EvictionOrder other(1024);
  for (std::size_t i = 0; i < 1000; ++i) other.add(i, net::Ipv4{9}, Standing::kAlive);
  for (std::size_t i = 1000; i < 1024; ++i) other.add(i, kHome, Standing::kStranger);
  for (int i = 0; i < 500; ++i) {
    CHECK(*other.next() < 1000);
    other.remove(*other.next());
  }
}

TEST_CASE("a clock that goes on as ours does makes a message fresh, once") {
  using Message = KnownClients::Message;
  KnownClients clients;
  const auto at = [](std::int64_t seconds) { return kStart + Duration::seconds(seconds); };
  const auto stamp = [](std::int64_t seconds) {
    return static_cast<std::uint64_t>(1'700'000'000 + seconds) * 1'000'000;
  };
  CHECK(clients.note_message(key(1), stamp(0), at(0)) == Message::kUnknown);
  clients.note_proof(key(1), stamp(0), at(0), kAt, at(1));
  CHECK(clients.was_at(key(1), kAt, at(5)));
  CHECK(!clients.was_at(key(1), {kHome, 6}, at(5)));
  CHECK(!clients.was_at(key(2), kAt, at(5)));
  CHECK(clients.note_message(key(1), stamp(0), at(1)) == Message::kStale);
  CHECK(clients.note_message(key(1), stamp(100), at(103)) == Message::kFresh);
  CHECK(clients.note_message(key(1), stamp(100), at(103)) == Message::kStale);
  CHECK(clients.note_message(key(1), stamp(99), at(103)) == Message::kStale);
  CHECK(clients.note_message(key(1), stamp(101), at(108)) == Message::kStale);
  CHECK(clients.note_message(key(1), stamp(115), at(109)) == Message::kStale);
  CHECK(clients.note_message(key(1), std::nullopt, at(109)) == Message::kUnknown);
  // What was held back does not become the measure, and what is proven does.
  CHECK(clients.note_message(key(1), stamp(110), at(110)) == Message::kFresh);
  clients.note_proof(key(1), stamp(-3600), at(120), kAt, at(121));  // the clock was set back
  CHECK(clients.note_message(key(1), stamp(-3595), at(125)) == Message::kFresh);
  CHECK(!clients.was_at(key(1), kAt, at(121) + KnownClients::kLately));
}

TEST_CASE("a stamp of any size is only a number") {
  KnownClients clients;
  for (const std::uint64_t odd :
       {std::uint64_t{1}, (std::uint64_t{1} << 53) - 1, ~std::uint64_t{0}}) {
    clients.note_proof(key(1), odd, kStart, kAt, kStart);
    clients.note_message(key(1), odd, kStart + Duration::seconds(1'000'000));
    clients.note_message(key(1), 0, kStart);
    clients.note_message(key(1), ~std::uint64_t{0}, kStart);
  }
  CHECK(clients.size() == 1);
}

TEST_CASE("known clients and their places are bounded, and the oldest go") {
  KnownClients clients;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    clients.note_proof(key(i), 5, kStart + Duration::seconds(i), kAt,
                       kStart + Duration::seconds(i));
  }
  CHECK(clients.size() == KnownClients::kMaxClients);
  CHECK(clients.knows(key(4999)));
  CHECK(!clients.knows(key(0)));
  for (std::uint16_t port = 1; port <= 10; ++port) {
    clients.note_proof(key(1), 5, kStart, net::Address{kHome, port}, kStart);
  }
  std::size_t places = 0;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    places += clients.was_at(key(1), {kHome, port}, kStart);
  }
  CHECK(places == KnownClients::kMaxPlaces);
  CHECK(clients.was_at(key(1), {kHome, 10}, kStart));
}

TEST_CASE("relays that clients name are dialled within bounds, which success gives back") {
  ClientRelays relays;
  std::uint32_t n = 0;
  const auto from = [](std::uint32_t client, bool known = false) {
    return ClientRelays::Client{key(client), net::Ipv4{client}, known};
  };
  const auto dial = [&](const ClientRelays::Client& client, Instant now) {
    return relays.begin(client, digest(n++), now);
  };
  SECTION("one client") {
    const auto first = dial(from(1), kStart);
    REQUIRE(first);
    REQUIRE(dial(from(1), kStart));
    CHECK(!dial(from(1), kStart));  // two at once
    relays.ended(*first);
    const auto third = dial(from(1), kStart);
    REQUIRE(third);
    relays.ended(*third);
    const auto fourth = dial(from(1), kStart);
    REQUIRE(fourth);
    relays.ended(*fourth);
    CHECK(!dial(from(1), kStart));  // four a minute
    CHECK(dial(from(2), kStart));
    relays.forgiven(*fourth);
    const auto fifth = dial(from(1), kStart);
    REQUIRE(fifth);
    relays.ended(*fifth);
    CHECK(dial(from(1), kStart + ClientRelays::kWindow));
  }
  SECTION("all of them") {
    for (std::uint32_t i = 0; i < ClientRelays::kMaxAtOnce; ++i) REQUIRE(dial(from(i), kStart));
    CHECK(!dial(from(100), kStart));
    CHECK(dial(from(100, true), kStart));  // known ones have their own
  }
  SECTION("in the long run") {
    std::size_t dialled = 0;
    for (std::uint32_t i = 0; i < 6000; ++i) {
      const auto dialling = dial(from(i), kStart + Duration::millis(10) * i);
      if (!dialling) continue;
      ++dialled;
      relays.ended(*dialling);
    }
    CHECK(dialled == ClientRelays::kMaxInWindow);
  }
  SECTION("and each first message once") {
    REQUIRE(relays.begin(from(1), digest(7'000'000), kStart));
    CHECK(relays.has_served(digest(7'000'000)));
    CHECK(!relays.has_served(digest(7'000'001)));
  }
}
