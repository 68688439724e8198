// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/wire/messages.hpp"
#include "noise/handshake.hpp"

namespace hsfwd::hyperdht {

/// Seals holepunch payloads with a key from the handshake:
/// nonce (24, random) || tag (16) || ciphertext. Repeats open again; the round number orders them.
class SecurePayload {
 public:
  SecurePayload(const crypto::Key32& shared, Random& random);
  /// With given secrets, for tests that repeat a recorded run.
  SecurePayload(const crypto::Key32& shared, const crypto::Key32& local, Random& random)
      : random_(random), shared_(shared), local_(local) {}

  Bytes seal(const HolepunchPayload& payload) const;
  Bytes seal(const crypto::BoxNonce& nonce, ByteView plaintext) const;
  /// Errors: kTruncated, kAuthentication, or those of HolepunchPayload::decode.
  Result<HolepunchPayload> open(ByteView sealed) const;

  /// Proof that its bearer can be reached at that host. Only this object can check it.
  crypto::Hash32 token(net::Ipv4 host) const;

  /// Upstream's key, which everybody can compute who saw the handshake, the relays included.
  static crypto::Key32 shared_key(const crypto::Hash64& handshake_hash);
  /// The one between two peers that agreed on secret keys, else upstream's.
  static crypto::Key32 shared_key(const noise::Session& session, bool secret_keys);

 private:
  Random& random_;
  crypto::Key32 shared_;
  crypto::Key32 local_;
};

}  // namespace hsfwd::hyperdht
