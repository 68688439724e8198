// SPDX-License-Identifier: Apache-2.0
// What others can do who see the packets of a session.
#include <catch2/catch.hpp>
#include <map>

#include "session_world.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;

/// Sees all packets between two, and sends of his own in the name of the client.
struct Forger {
  explicit Forger(SessionWorld& world) : w(world) {
    w.world().set_tap([this](const sim::Packet& packet) {
      if (packet.to.host != w.server->host().address()) return;
      if (packet.from.host != w.client->host().address()) return;
      const auto parsed = udx::Packet::parse(packet.payload);
      if (!parsed) return;
      last[parsed->header.stream.value] = packet;
    });
  }
  ~Forger() { w.world().set_tap(nullptr); }
  /// Of each stream that he knows of, such a packet at the number that is next.
  void forge(std::uint8_t flags, ByteView payload, std::uint32_t id, std::uint32_t ahead = 0) {
    const sim::Packet& seen = last.at(id);
    const auto parsed = udx::Packet::parse(seen.payload);
    udx::Header h = parsed->header;
    h.flags = flags;
    h.data_offset = 0;
    h.seq.value += ahead;
    sim::Packet packet = seen;
    packet.payload.assign(udx::kHeaderSize, 0);
    h.write(packet.payload.data());
    append(packet.payload, payload);
    w.server->host().receive(std::move(packet));
  }

  SessionWorld& w;
  std::map<std::uint32_t, sim::Packet> last;
};

TEST_CASE("a forged end - reset or garbage on any one stream ends no other") {
  for (const auto flags : {udx::kDestroy, udx::kEnd, udx::kData, udx::kMessage}) {
    std::size_t streams = 0;
    std::size_t harmful = 0;
    for (std::size_t which = 0; which < 8; ++which) {
      SessionWorld w(341, open_seat(), open_seat());
      EchoClient& one = w.connect();
      EchoClient& two = w.connect();
      std::size_t seen = 0;
      std::uint32_t id = 0;
      {
        Forger forger(w);
        w.chat(one, 7_s);
        w.chat(two, 500_ms);
        w.world().run_for(200_ms);
        seen = forger.last.size();
        if (which >= seen) break;
        auto at = forger.last.begin();
        std::advance(at, which);
        id = at->first;
        const bool data = udx::Packet::parse(at->second.payload)->header.has(udx::kData);
        for (std::uint32_t ahead = 0; ahead < 3; ++ahead) {
          forger.forge(flags,
                       flags == udx::kData || flags == udx::kMessage ? some_bytes(80) : Bytes(), id,
                       (data ? 1 : 0) + ahead);
        }
      }
      streams = seen;
      w.chat(one, 15_s);
      w.chat(two, 1_s);
      w.world().run_for(5_s);
      const int ended = (one.closed ? 1 : 0) + (two.closed ? 1 : 0);
      if (ended == 2) ++harmful;
      INFO("flags " << int(flags) << " stream " << which << " of " << seen << ": "
                    << one.closed.value_or("-") << " / " << two.closed.value_or("-"));
      CHECK(ended < 2);
    }
    INFO("flags " << int(flags) << ": " << harmful << " of " << streams << " ids end all streams");
  }
}

TEST_CASE("signs of life that the peer has not sealed keep nobody from looking for it") {
  SessionWorld w(342, home(), home());
  EchoClient& one = w.connect();
  // Sees what comes to the client, and has the server's old address afterwards.
  std::map<std::uint32_t, sim::Packet> seen;
  w.world().set_tap([&](const sim::Packet& packet) {
    if (packet.to.host != w.client->nat().address()) return;
    if (packet.from.host != w.server->nat().address()) return;
    const auto parsed = udx::Packet::parse(packet.payload);
    if (parsed) seen[parsed->header.stream.value] = packet;
  });
  w.chat(one, 7_s);
  w.world().set_tap(nullptr);
  REQUIRE(seen.size() >= 2);
  REQUIRE(w.run_until_whole(one));
  one.begin_pauses();
  w.server->move();
  const Instant until = w.world().now() + 10_s;
  while (w.world().now() < until) {
    one.send(as_bytes("."));
    for (const auto& [id, packet] : seen) {
      // Asks for nothing but an acknowledgement, from where the server was.
      sim::Packet forged = packet;
      udx::Header header = udx::Packet::parse(packet.payload)->header;
      header.flags = udx::kHeartbeat;
      header.data_offset = 0;
      forged.payload.assign(udx::kHeaderSize, 0);
      header.write(forged.payload.data());
      w.client->nat().receive(std::move(forged));
    }
    w.world().run_for(50_ms);
  }
  REQUIRE(w.run_until_whole(one));
  CHECK(!one.closed);
  CHECK(one.longest_pause.to_millis() < 3000);
}
