// SPDX-License-Identifier: Apache-2.0
// Messages that stand alone: those and packets beside a stream, and sealed holepunch payloads.
#include "fuzz/input.hpp"
#include "fuzz/session.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "secret_stream/packets.hpp"
#include "secret_stream/unordered.hpp"
#include "sim/random.hpp"

using namespace hsfwd;

namespace {

/// Flips bits of one byte if the input says so.
bool tamper(fuzz::Input& input, Bytes& sealed) {
  const std::uint8_t change = input.u8();
  sealed[input.u16() % sealed.size()] ^= change;
  return change != 0;
}

/// The peer may seal what it likes, and somebody may change it.
void check_unordered(fuzz::Input& input, ByteView garbage, secret_stream::Unordered::Keys keys) {
  static const fuzz::Sessions kSessions;
  sim::SeededRandom random(1);
  secret_stream::Unordered sender(kSessions.initiator, random, keys);
  secret_stream::Unordered receiver(kSessions.responder, random, keys);
  HSFWD_CHECK(!receiver.open(garbage).ok());
  const Bytes plaintext = to_bytes(input.take(input.u16()));
  auto envelope = sender.seal(plaintext);
  HSFWD_CHECK(envelope.has_value());
  const bool changed = tamper(input, *envelope);
  const auto opened = receiver.open(*envelope);
  HSFWD_CHECK(opened.ok() != changed);
  HSFWD_CHECK(changed || *opened == plaintext);
  const bool again = receiver.open(*envelope).ok();
  HSFWD_CHECK(again == (!changed && keys == secret_stream::Unordered::Keys::kOfHash));
}

void check_packets(fuzz::Input& input, ByteView garbage) {
  using secret_stream::Packets;
  static const fuzz::Sessions kSessions;
  Packets sender(kSessions.initiator);
  Packets receiver(kSessions.responder);
  Bytes room(garbage.size());
  HSFWD_CHECK(!receiver.open(garbage, room).ok());
  const auto channel = static_cast<secret_stream::PacketChannel>(input.u8());
  const Bytes payload = to_bytes(input.take(input.u16()));
  Bytes packet(Packets::kOverhead + payload.size());
  copy_bytes(payload, MutableBytes(packet).subspan(Packets::kHeadroom, payload.size()));
  HSFWD_CHECK(sender.seal(channel, packet));
  const bool changed = tamper(input, packet);
  room.resize(packet.size());
  const auto opened = receiver.open(packet, room);
  HSFWD_CHECK(opened.ok() != changed);
  HSFWD_CHECK(changed || (opened->channel == channel && equal(opened->payload, payload)));
  HSFWD_CHECK(!receiver.open(packet, room).ok());
  // Whatever it was, it took no counter but its own.
  HSFWD_CHECK(sender.seal(channel, packet) && receiver.open(packet, room).ok());
}

void check_payload(fuzz::Input& input, ByteView garbage) {
  static const fuzz::Sessions kSessions;
  sim::SeededRandom random(1);
  const hyperdht::SecurePayload secure(
      hyperdht::SecurePayload::shared_key(kSessions.initiator, true), random);
  HSFWD_CHECK(!secure.open(garbage).ok());
  const Bytes plaintext = to_bytes(input.take(input.u16()));
  crypto::BoxNonce nonce{};
  Bytes sealed = secure.seal(nonce, plaintext);
  const bool changed = tamper(input, sealed);
  const auto payload = secure.open(sealed);
  // What was sealed decodes or it does not.
  HSFWD_CHECK(!changed || !payload);
  HSFWD_CHECK(changed || plaintext.empty() ||
              payload.ok() == hyperdht::HolepunchPayload::decode(plaintext).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const ByteView all(data, size);
  fuzz::Input input(data, size);
  check_unordered(input, all, secret_stream::Unordered::Keys::kOfSecret);
  check_unordered(input, all, secret_stream::Unordered::Keys::kOfHash);
  check_payload(input, all);
  check_packets(input, all);
  return 0;
}
