// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/unordered.hpp"

#include "secret_stream/name_space.hpp"

namespace hsfwd::secret_stream {

namespace {

crypto::Key32 sending_key(const crypto::Hash64& hash, bool initiator) {
  const crypto::Hash32 role = name_space_of(purpose_of_role(initiator));
  const crypto::Hash32 send = name_space_of(Purpose::kSend);
  return crypto::Key32::from(
      crypto::blake2b_256_keyed(hash.view(), {role.view(), send.view()}).view());
}

crypto::BoxNonce nonce_of(std::uint64_t counter) {
  crypto::BoxNonce nonce{};
  store_le64(nonce.data(), counter);
  return nonce;
}

}  // namespace

Unordered::Unordered(const noise::Session& session, Random& random)
    : send_key_(sending_key(session.hash, session.initiator)),
      receive_key_(sending_key(session.hash, !session.initiator)),
      first_(random.u64()),
      counter_(first_) {}

std::optional<Bytes> Unordered::seal(ByteView plaintext) {
  if (++counter_ == first_) {
    --counter_;
    return std::nullopt;
  }
  Bytes out(kOverhead + plaintext.size());
  store_le64(out.data(), counter_);
  crypto::box_seal(send_key_, nonce_of(counter_), plaintext, MutableBytes(out).subspan(8));
  return out;
}

Result<Bytes> Unordered::open(ByteView envelope) const {
  if (envelope.size() < kOverhead) return Err(Errc::kTruncated);
  Bytes out(envelope.size() - kOverhead);
  const std::uint64_t counter = load_le64(envelope.data());
  if (!crypto::box_open(receive_key_, nonce_of(counter), envelope.subspan(8), out)) {
    return Err(Errc::kAuthentication);
  }
  return out;
}

}  // namespace hsfwd::secret_stream
