// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/unordered.hpp"

#include <optional>

#include "secret_stream/name_space.hpp"

namespace hsfwd::secret_stream {

namespace {

crypto::Key32 sending_key(const noise::Session& session, bool initiator, Unordered::Keys keys) {
  if (keys == Unordered::Keys::kOfSecret) {
    return session.derive(initiator ? "hsfwd unordered initiator" : "hsfwd unordered responder");
  }
  const crypto::Hash32 role = name_space_of(purpose_of_role(initiator));
  const crypto::Hash32 send = name_space_of(Purpose::kSend);
  return crypto::Key32::from(
      crypto::blake2b_256_keyed(session.hash.view(), {role.view(), send.view()}).view());
}

crypto::BoxNonce nonce_of(std::uint64_t counter) {
  crypto::BoxNonce nonce{};
  store_le64(nonce.data(), counter);
  return nonce;
}

}  // namespace

Unordered::Unordered(const noise::Session& session, Random& random, Keys keys)
    : send_key_(sending_key(session, session.initiator, keys)),
      receive_key_(sending_key(session, !session.initiator, keys)),
      last_(keys == Keys::kOfSecret ? UINT64_MAX : random.u64()),
      counter_(last_ + 1) {
  if (keys == Keys::kOfSecret) received_.emplace();
}

std::optional<Bytes> Unordered::seal(ByteView plaintext) {
  if (counter_ == last_) return std::nullopt;
  Bytes out(kOverhead + plaintext.size());
  store_le64(out.data(), counter_);
  crypto::box_seal(send_key_, nonce_of(counter_), plaintext, MutableBytes(out).subspan(8));
  ++counter_;
  return out;
}

Result<Bytes> Unordered::open(ByteView envelope) {
  if (envelope.size() < kOverhead) return Err(Errc::kTruncated);
  Bytes out(envelope.size() - kOverhead);
  const std::uint64_t counter = load_le64(envelope.data());
  if (!crypto::box_open(receive_key_, nonce_of(counter), envelope.subspan(8), out)) {
    return Err(Errc::kAuthentication);
  }
  if (received_ && !received_->take(counter)) return Err(Errc::kRefused);
  return out;
}

}  // namespace hsfwd::secret_stream
