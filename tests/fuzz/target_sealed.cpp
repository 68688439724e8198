// SPDX-License-Identifier: Apache-2.0
// Messages that stand alone: those beside a stream, and sealed holepunch payloads.
#include "fuzz/input.hpp"
#include "fuzz/session.hpp"
#include "hyperdht/secure_payload.hpp"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  static const fuzz::Sessions kSessions;
  sim::SeededRandom random(1);
  secret_stream::Unordered sender(kSessions.initiator, random);
  secret_stream::Unordered receiver(kSessions.responder, random);
  const hyperdht::SecurePayload secure(
      hyperdht::SecurePayload::shared_key(kSessions.initiator.hash), random);
  HSFWD_CHECK(!receiver.open({data, size}).ok());
  HSFWD_CHECK(!secure.open({data, size}).ok());

  fuzz::Input input(data, size);
  const Bytes plaintext = to_bytes(input.take(input.u16()));
  auto envelope = sender.seal(plaintext);
  HSFWD_CHECK(envelope.has_value());
  const bool envelope_changed = tamper(input, *envelope);
  const auto opened = receiver.open(*envelope);
  HSFWD_CHECK(opened.ok() != envelope_changed);
  HSFWD_CHECK(envelope_changed || *opened == plaintext);

  // The peer may seal what it likes; it decodes or it does not.
  crypto::BoxNonce nonce{};
  Bytes sealed = secure.seal(nonce, plaintext);
  const bool sealed_changed = tamper(input, sealed);
  const auto payload = secure.open(sealed);
  HSFWD_CHECK(!sealed_changed || !payload);
  HSFWD_CHECK(sealed_changed || plaintext.empty() ||
              payload.ok() == hyperdht::HolepunchPayload::decode(plaintext).ok());
  return 0;
}
