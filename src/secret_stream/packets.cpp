// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/packets.hpp"

#include "util/check.hpp"

namespace hsfwd::secret_stream {

namespace {

constexpr std::size_t kCounterSize = 8;
// Behind it the nonces would begin anew.
constexpr std::uint64_t kNeverUsed = UINT64_MAX;

crypto::Key32 packet_key(const noise::Session& session, bool of_initiator) {
  return session.derive(of_initiator ? "hsfwd packets initiator" : "hsfwd packets responder");
}

}  // namespace

Packets::Packets(const noise::Session& session)
    : sending_(packet_key(session, session.initiator)),
      receiving_(packet_key(session, !session.initiator)) {}

bool Packets::seal(PacketChannel channel, MutableBytes packet) {
  HSFWD_CHECK(packet.size() >= kOverhead);
  if (counter_ == kNeverUsed) return false;
  store_le64(packet.data(), counter_);
  packet[kCounterSize] = static_cast<std::uint8_t>(channel);
  sending_.seal(counter_++, packet.subspan(kCounterSize));
  return true;
}

Result<Packets::Opened> Packets::open(ByteView packet, MutableBytes room) {
  if (packet.size() < kOverhead) return Err(Errc::kTruncated);
  const std::uint64_t counter = load_le64(packet.data());
  // Before the work of opening it; only what opens is taken.
  if (counter == kNeverUsed || received_.has(counter)) return Err(Errc::kRefused);
  const ByteView sealed = packet.subspan(kCounterSize);
  const MutableBytes plaintext = room.first(sealed.size() - crypto::kTagSize);
  if (!receiving_.open(counter, sealed, plaintext)) return Err(Errc::kAuthentication);
  HSFWD_CHECK(received_.take(counter));
  return Opened{static_cast<PacketChannel>(plaintext[0]), plaintext.subspan(1)};
}

Result<Packets::Opened> Packets::open_in_place(MutableBytes packet) {
  if (packet.size() < kOverhead) return Err(Errc::kTruncated);
  return open(packet, packet.subspan(kCounterSize));
}

}  // namespace hsfwd::secret_stream
