// SPDX-License-Identifier: Apache-2.0
// Packets beside the streams: whose they are, and that each opens once.
#include "secret_stream/packets.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "fuzz/session.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

constexpr std::uint64_t kLast = UINT64_MAX - 1;

struct PacketLine {
  fuzz::Sessions sessions;
  Packets client{sessions.initiator};
  Packets server{sessions.responder};
};

Bytes packet_of(Packets& from, std::string_view payload,
                PacketChannel channel = PacketChannel::kMessages) {
  Bytes out(Packets::kOverhead + payload.size());
  copy_bytes(as_bytes(payload), MutableBytes(out).subspan(Packets::kHeadroom, payload.size()));
  REQUIRE(from.seal(channel, out));
  return out;
}

/// "CHANNEL: PAYLOAD", or why not.
std::string opened_by(Packets& to, ByteView packet) {
  Bytes room(packet.size());
  const auto opened = to.open(packet, room);
  if (!opened) return to_string(opened.error());
  return std::to_string(static_cast<int>(opened->channel)) + ": " +
         std::string(as_text(opened->payload));
}

const std::string kRefused = to_string(Errc::kRefused);
const std::string kForged = to_string(Errc::kAuthentication);

}  // namespace

TEST_CASE("a packet says whose it is, opens once, and at the other side only") {
  PacketLine line;
  const Bytes control = packet_of(line.client, "bye", PacketChannel::kControl);
  const Bytes message = packet_of(line.client, "");
  const Bytes later = packet_of(line.client, "later", static_cast<PacketChannel>(254));
  CHECK(opened_by(line.client, control) == kForged);
  CHECK(opened_by(line.server, later) == "254: later");
  CHECK(opened_by(line.server, message) == "1: ");
  CHECK(opened_by(line.server, control) == "0: bye");
  for (const Bytes& packet : {control, message, later}) {
    CHECK(opened_by(line.server, packet) == kRefused);
  }
  CHECK(opened_by(line.client, packet_of(line.server, "back")) == "1: back");
}

TEST_CASE("counters go up by one, whatever the channel, and do not begin anew") {
  PacketLine line;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const PacketChannel channel = i % 2 == 0 ? PacketChannel::kControl : PacketChannel::kMessages;
    CHECK(load_le64(packet_of(line.client, "x", channel).data()) == i);
  }
  line.client.set_counter(kLast);
  CHECK(opened_by(line.server, packet_of(line.client, "the last")) == "1: the last");
  Bytes packet(Packets::kOverhead);
  CHECK(!line.client.seal(PacketChannel::kMessages, packet));
  CHECK(!line.client.seal(PacketChannel::kMessages, packet));
  // A peer that does not keep to it is not heard, either.
  crypto::PacketSealer sealer(line.sessions.initiator.derive("hsfwd packets initiator"));
  store_le64(packet.data(), UINT64_MAX);
  sealer.seal(UINT64_MAX, MutableBytes(packet).subspan(8));
  CHECK(opened_by(line.server, packet) == kRefused);
}

TEST_CASE("packets of some batches in any order all open, and those of before the window do not") {
  PacketLine line;
  sim::SeededRandom random(4);
  const Bytes first = packet_of(line.client, "first");
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < ReplayWindow::kSize; ++i)
    packets.push_back(packet_of(line.client, "x"));
  for (std::size_t i = packets.size() - 1; i > 0; --i) {
    std::swap(packets[i], packets[random.below(static_cast<std::uint32_t>(i + 1))]);
  }
  for (const Bytes& packet : packets) REQUIRE(opened_by(line.server, packet) == "1: x");
  CHECK(opened_by(line.server, first) == kRefused);
  for (const Bytes& packet : packets) REQUIRE(opened_by(line.server, packet) == kRefused);
}

TEST_CASE("garbage and forged packets take no counter and shut nobody out") {
  PacketLine line;
  const Bytes packet = packet_of(line.client, "true");
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const std::string error = opened_by(line.server, ByteView(packet).first(size));
    REQUIRE(error == (size < Packets::kOverhead ? to_string(Errc::kTruncated) : kForged));
  }
  for (std::size_t at = 0; at < packet.size(); ++at) {
    Bytes changed = packet;
    changed[at] ^= 0x80;
    REQUIRE(opened_by(line.server, changed) == kForged);
  }
  Bytes ahead = packet;
  store_le64(ahead.data(), kLast);
  CHECK(opened_by(line.server, ahead) == kForged);
  CHECK(opened_by(line.server, packet) == "1: true");
}

TEST_CASE("keys of packets come from the secret, and are none of the unordered messages'") {
  PacketLine line;
  noise::Session observer = line.sessions.responder;
  observer.tx = observer.rx = observer.exporter = crypto::Key32();
  Packets spy(observer);
  CHECK(opened_by(spy, packet_of(line.client, "secret")) == kForged);
  const auto keys = [&](const char* label) { return line.sessions.initiator.derive(label); };
  CHECK(!equal(keys("hsfwd packets initiator").view(), keys("hsfwd unordered initiator").view()));
  CHECK(!equal(keys("hsfwd packets initiator").view(), keys("hsfwd packets responder").view()));
}
