// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/unordered.hpp"

namespace hsfwd::secret_stream {

namespace {

constexpr std::string_view kName = "hyperswarm/secret-stream";
enum NamespaceIndex : std::uint8_t { kInitiator = 0, kResponder = 1, kSend = 2 };

crypto::Key32 sending_key(const crypto::Hash64& hash, bool initiator) {
  const crypto::Hash32 role = crypto::name_space(kName, initiator ? kInitiator : kResponder);
  const crypto::Hash32 send = crypto::name_space(kName, kSend);
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
