// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/secure_payload.hpp"

#include <string>

namespace hsfwd::hyperdht {

crypto::Key32 SecurePayload::shared_key(const crypto::Hash64& handshake_hash) {
  return crypto::Key32::from(
      crypto::blake2b_256_keyed(handshake_hash.view(),
                                {name_space_of(Command::kPeerHolepunch).view()})
          .view());
}

crypto::Key32 SecurePayload::shared_key(const noise::Session& session, bool secret_keys) {
  return secret_keys ? session.derive("hsfwd holepunch") : shared_key(session.hash);
}

SecurePayload::SecurePayload(const crypto::Key32& shared, Random& random)
    : random_(random), shared_(shared) {
  random_.fill(local_.mutable_view());
}

Bytes SecurePayload::seal(const HolepunchPayload& payload) const {
  crypto::BoxNonce nonce;
  random_.fill(nonce);
  return seal(nonce, payload.encode());
}

Bytes SecurePayload::seal(const crypto::BoxNonce& nonce, ByteView plaintext) const {
  Bytes out(nonce.size() + crypto::kTagSize + plaintext.size());
  copy_bytes(nonce, out);
  crypto::box_seal(shared_, nonce, plaintext, MutableBytes(out).subspan(nonce.size()));
  return out;
}

Result<HolepunchPayload> SecurePayload::open(ByteView sealed) const {
  constexpr std::size_t kOverhead = crypto::kBoxNonceSize + crypto::kTagSize;
  if (sealed.size() <= kOverhead) return Err(Errc::kTruncated);
  crypto::BoxNonce nonce;
  copy_bytes(sealed.first(nonce.size()), nonce);
  Bytes plaintext(sealed.size() - kOverhead);
  if (!crypto::box_open(shared_, nonce, sealed.subspan(nonce.size()), plaintext)) {
    return Err(Errc::kAuthentication);
  }
  return HolepunchPayload::decode(plaintext);
}

crypto::Hash32 SecurePayload::token(net::Ipv4 host) const {
  const std::string text = host.to_string();
  return crypto::blake2b_256_keyed(local_.view(), {as_bytes(text)});
}

}  // namespace hsfwd::hyperdht
