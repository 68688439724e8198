// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/handshake_gate.hpp"

#include "crypto/crypto.hpp"

namespace hsfwd::hyperdht {

HandshakeGate::HandshakeGate(Random& random) : sources_(kOfSource, kSources, random.u64()) {
  random.fill(secret_.mutable_view());
}

bool HandshakeGate::admit(ByteView noise, const net::Address& source, Instant now) {
  if (!useless_.empty()) {
    const std::uint64_t digest = digest_of(noise);
    const Useless& place = useless_[digest % kUseless];
    if (place.digest == digest && now < place.until) return false;
  }
  return sources_.try_take(net::payer_of(source), now, 1);
}

void HandshakeGate::note_useless(ByteView noise, Instant now) {
  if (useless_.empty()) useless_.resize(kUseless);
  const std::uint64_t digest = digest_of(noise);
  useless_[digest % kUseless] = {digest, now + kUselessFor};
}

void HandshakeGate::give_back(const net::Address& source, Instant now) {
  sources_.take(net::payer_of(source), now, -1);
}

/// Of the whole message: a copy with another end does not stand for the message.
std::uint64_t HandshakeGate::digest_of(ByteView noise) const {
  return load_le64(crypto::blake2b_256_keyed(secret_.view(), {noise}).data());
}

}  // namespace hsfwd::hyperdht
