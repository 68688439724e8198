// SPDX-License-Identifier: Apache-2.0
// The Noise IK handshake over the Ed25519 group, as HyperDHT runs it inside its handshake messages.
//
//   message 1   client to server   e (32) | s sealed (48) | payload sealed (n + 16)
//   message 2   server to client   e (32) | payload sealed (n + 16)
//
// Each message's keys are fresh, so every sealed part has nonce 0.
#pragma once

#include <string_view>

#include "crypto/crypto.hpp"

namespace hsfwd::noise {

/// What both sides share once both messages are through.
struct Session {
  crypto::Key32 tx;
  crypto::Key32 rx;
  /// No secret: whoever saw both messages and knows the server's key can compute it.
  crypto::Hash64 hash;
  /// From the chaining key at the end, for keys beside tx and rx.
  crypto::Key32 exporter;
  crypto::PublicKey remote;
  bool initiator = false;

  /// A key for each purpose that has a label, which only the two sides know.
  crypto::Key32 derive(std::string_view label) const;
};

/// HMAC-BLAKE2b based key derivation; the outputs are 64 bytes each.
struct HkdfOutput {
  crypto::SecretBytes<64> first;
  crypto::SecretBytes<64> second;
};
HkdfOutput hkdf(ByteView salt, ByteView input_key);

/// The running hash, chaining key and cipher key of a handshake.
class SymmetricState {
 public:
  /// `responder_static` is the pre-message of the pattern.
  SymmetricState(ByteView prologue, const crypto::PublicKey& responder_static);

  void mix_hash(ByteView data);
  void mix_key(const crypto::Key32& dh);
  void encrypt_and_hash(ByteView plaintext, Bytes& out);
  Result<Bytes> decrypt_and_hash(ByteView ciphertext);
  HkdfOutput split() const;
  crypto::Key32 exporter() const;

  const crypto::Hash64& hash() const { return hash_; }
  const crypto::SecretBytes<64>& chaining_key() const { return chaining_key_; }
  const crypto::Key32& key() const { return key_; }

 private:
  crypto::Hash64 hash_;
  crypto::SecretBytes<64> chaining_key_;
  crypto::Key32 key_;
  std::uint64_t nonce_ = 0;
};

/// The client's side. read_message2 may be called with several candidate answers: one that does not
/// open leaves the state as it was, so that a forged answer spoils nothing.
class Initiator {
 public:
  Initiator(crypto::KeyPair local, const crypto::PublicKey& remote, ByteView prologue);

  struct Opened {
    Bytes payload;
    Session session;
  };

  /// Called once. Errors: kMalformed when the remote key is no point of the group.
  Result<Bytes> write_message1(const crypto::KeyPair& ephemeral, ByteView payload);
  /// Errors: kTruncated, kMalformed, kAuthentication.
  Result<Opened> read_message2(ByteView message) const;

 private:
  crypto::KeyPair static_;
  crypto::KeyPair ephemeral_;
  crypto::PublicKey remote_;
  SymmetricState state_;
};

/// The server's side of one distinct message 1.
class Responder {
 public:
  Responder(crypto::KeyPair local, ByteView prologue);

  /// The payload; afterwards remote_key() is authenticated.
  /// Errors: kTruncated, kTooLarge, kMalformed, kAuthentication.
  Result<Bytes> read_message1(ByteView message);
  const crypto::PublicKey& remote_key() const { return remote_; }

  struct Answer {
    Bytes message;
    Session session;
  };
  /// Called once, after read_message1 succeeded. Errors: kMalformed for the remote's keys.
  Result<Answer> write_message2(const crypto::KeyPair& ephemeral, ByteView payload);

  const SymmetricState& state() const { return state_; }

 private:
  crypto::KeyPair static_;
  crypto::PublicKey remote_;
  crypto::PublicKey remote_ephemeral_;
  SymmetricState state_;
};

}  // namespace hsfwd::noise
