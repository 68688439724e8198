// SPDX-License-Identifier: Apache-2.0
#include "noise/handshake.hpp"

#include <algorithm>

namespace hsfwd::noise {

using crypto::Hash64;
using crypto::Key32;
using crypto::KeyPair;
using crypto::kTagSize;
using crypto::PublicKey;

namespace {

constexpr std::string_view kProtocolName = "Noise_IK_Ed25519_ChaChaPoly_BLAKE2b";
constexpr std::size_t kHmacBlock = 128;        // BLAKE2b's block, bytes
constexpr std::size_t kMaxCiphertext = 65535;  // Noise's limit for one message part, bytes
constexpr std::size_t kKeySize = PublicKey::kSize;
constexpr std::size_t kSealedKeySize = kKeySize + kTagSize;
constexpr std::string_view kExporterLabel = "hsfwd exporter";

/// HMAC over BLAKE2b-512. `key` has 64 bytes, half a block, so it is never hashed first. The inputs
/// count as one, back to back.
crypto::SecretBytes<64> hmac(ByteView key, ByteView input, ByteView more = {}) {
  crypto::SecretBytes<kHmacBlock> inner;
  crypto::SecretBytes<kHmacBlock> outer;
  copy_bytes(key, inner.mutable_view());
  copy_bytes(key, outer.mutable_view());
  for (std::uint8_t& b : inner.mutable_view()) b ^= 0x36;
  for (std::uint8_t& b : outer.mutable_view()) b ^= 0x5c;

  const auto inner_hash = crypto::secret_blake2b_512({inner.view(), input, more});
  return crypto::secret_blake2b_512({outer.view(), inner_hash.view()});
}

Key32 cipher_key(const crypto::SecretBytes<64>& output) {
  return Key32::from(output.view());
}

Session make_session(const SymmetricState& state, const PublicKey& remote, bool initiator) {
  const HkdfOutput keys = state.split();
  return Session{
      .tx = cipher_key(initiator ? keys.first : keys.second),
      .rx = cipher_key(initiator ? keys.second : keys.first),
      .hash = state.hash(),
      .exporter = state.exporter(),
      .remote = remote,
      .initiator = initiator,
  };
}

}  // namespace

HkdfOutput hkdf(ByteView salt, ByteView input_key) {
  static constexpr std::uint8_t kOne[] = {1};
  static constexpr std::uint8_t kTwo[] = {2};
  const auto temporary = hmac(salt, input_key);
  HkdfOutput out;
  out.first = hmac(temporary.view(), kOne);
  out.second = hmac(temporary.view(), out.first.view(), kTwo);
  return out;
}

Key32 Session::derive(std::string_view label) const {
  return crypto::secret_blake2b_256_keyed(exporter.view(), {as_bytes(label)});
}

SymmetricState::SymmetricState(ByteView prologue, const PublicKey& responder_static) {
  // The name is shorter than a hash, so it is padded with zeros and not hashed.
  static_assert(kProtocolName.size() <= Hash64::kSize);
  copy_bytes(as_bytes(kProtocolName), hash_.mutable_view());
  chaining_key_ = crypto::SecretBytes<64>::from(hash_.view());
  mix_hash(prologue);
  mix_hash(responder_static.view());
}

void SymmetricState::mix_hash(ByteView data) {
  hash_ = crypto::blake2b_512({hash_.view(), data});
}

void SymmetricState::mix_key(const Key32& dh) {
  const HkdfOutput output = hkdf(chaining_key_.view(), dh.view());
  chaining_key_ = output.first;
  key_ = cipher_key(output.second);
  nonce_ = 0;
}

void SymmetricState::encrypt_and_hash(ByteView plaintext, Bytes& out) {
  const std::size_t start = out.size();
  crypto::aead_seal(key_, nonce_++, hash_.view(), plaintext, out);
  mix_hash(ByteView(out).subspan(start));
}

Result<Bytes> SymmetricState::decrypt_and_hash(ByteView ciphertext) {
  if (ciphertext.size() > kMaxCiphertext) return Err(Errc::kTooLarge);
  auto plaintext = crypto::aead_open(key_, nonce_++, hash_.view(), ciphertext);
  if (plaintext) mix_hash(ciphertext);
  return plaintext;
}

HkdfOutput SymmetricState::split() const {
  return hkdf(chaining_key_.view(), {});
}

Key32 SymmetricState::exporter() const {
  return crypto::secret_blake2b_256_keyed(chaining_key_.view(), {as_bytes(kExporterLabel)});
}

Initiator::Initiator(KeyPair local, const PublicKey& remote, ByteView prologue)
    : static_(std::move(local)), remote_(remote), state_(prologue, remote) {}

Result<Bytes> Initiator::write_message1(const KeyPair& ephemeral, ByteView payload) {
  ephemeral_ = ephemeral;
  const auto es = crypto::ed25519_dh(ephemeral_, remote_);
  const auto ss = crypto::ed25519_dh(static_, remote_);
  if (!es) return Err(es.error());
  if (!ss) return Err(ss.error());

  Bytes out;
  out.reserve(kKeySize + kSealedKeySize + payload.size() + kTagSize);
  append(out, ephemeral_.public_key.view());
  state_.mix_hash(ephemeral_.public_key.view());
  state_.mix_key(*es);
  state_.encrypt_and_hash(static_.public_key.view(), out);
  state_.mix_key(*ss);
  state_.encrypt_and_hash(payload, out);
  return out;
}

Result<Initiator::Opened> Initiator::read_message2(ByteView message) const {
  if (message.size() < kKeySize + kTagSize) return Err(Errc::kTruncated);
  const auto remote_ephemeral = PublicKey::from(message);
  const auto ee = crypto::ed25519_dh(ephemeral_, remote_ephemeral);
  const auto se = crypto::ed25519_dh(static_, remote_ephemeral);
  if (!ee) return Err(ee.error());
  if (!se) return Err(se.error());

  SymmetricState state = state_;
  state.mix_hash(remote_ephemeral.view());
  state.mix_key(*ee);
  state.mix_key(*se);
  auto payload = state.decrypt_and_hash(message.subspan(kKeySize));
  if (!payload) return Err(payload.error());
  return Opened{std::move(*payload), make_session(state, remote_, true)};
}

Responder::Responder(KeyPair local, ByteView prologue)
    : static_(std::move(local)), state_(prologue, static_.public_key) {}

Result<Bytes> Responder::read_message1(ByteView message) {
  if (message.size() < kKeySize + kSealedKeySize + kTagSize) return Err(Errc::kTruncated);
  remote_ephemeral_ = PublicKey::from(message);
  const auto es = crypto::ed25519_dh(static_, remote_ephemeral_);
  if (!es) return Err(es.error());
  state_.mix_hash(remote_ephemeral_.view());
  state_.mix_key(*es);

  const auto key = state_.decrypt_and_hash(message.subspan(kKeySize, kSealedKeySize));
  if (!key) return Err(key.error());
  remote_ = PublicKey::from(*key);
  const auto ss = crypto::ed25519_dh(static_, remote_);
  if (!ss) return Err(ss.error());
  state_.mix_key(*ss);
  return state_.decrypt_and_hash(message.subspan(kKeySize + kSealedKeySize));
}

Result<Responder::Answer> Responder::write_message2(const KeyPair& ephemeral, ByteView payload) {
  const auto ee = crypto::ed25519_dh(ephemeral, remote_ephemeral_);
  const auto se = crypto::ed25519_dh(ephemeral, remote_);
  if (!ee) return Err(ee.error());
  if (!se) return Err(se.error());

  Bytes out;
  out.reserve(kKeySize + payload.size() + kTagSize);
  append(out, ephemeral.public_key.view());
  state_.mix_hash(ephemeral.public_key.view());
  state_.mix_key(*ee);
  state_.mix_key(*se);
  state_.encrypt_and_hash(payload, out);
  return Answer{std::move(out), make_session(state_, remote_, false)};
}

}  // namespace hsfwd::noise
