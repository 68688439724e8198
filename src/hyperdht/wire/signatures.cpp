// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/signatures.hpp"

namespace hsfwd::hyperdht {

namespace {

Bytes signable(Command command, const crypto::Hash32& digest) {
  return codec::encode([&](codec::Writer& w) {
    w.fixed(name_space_of(command));
    w.fixed(digest);
  });
}

}  // namespace

Bytes announce_signable(Command command, const rpc::Target& target, const rpc::NodeId& storing_node,
                        const rpc::Token& token, const AnnounceMessage& message) {
  const Bytes peer = message.peer ? message.peer->encode() : Bytes();
  const ByteView refresh = message.refresh ? message.refresh->view() : ByteView();
  return signable(command, crypto::blake2b_256(
                               {target.view(), storing_node.view(), token.view(), peer, refresh}));
}

crypto::Signature sign_announce(Command command, const rpc::Target& target,
                                const rpc::NodeId& storing_node, const rpc::Token& token,
                                const AnnounceMessage& message, const crypto::KeyPair& keys) {
  return crypto::sign(announce_signable(command, target, storing_node, token, message), keys);
}

bool verify_announce(Command command, const rpc::Target& target, const rpc::NodeId& storing_node,
                     const rpc::Token& token, const AnnounceMessage& message) {
  if (!message.peer || !message.signature) return false;
  return crypto::verify(*message.signature,
                        announce_signable(command, target, storing_node, token, message),
                        message.peer->public_key);
}

Bytes mutable_signable(std::uint64_t seq, ByteView value) {
  return signable(Command::kMutablePut, crypto::blake2b_256(encode_mutable_signable(seq, value)));
}

crypto::Signature sign_mutable(std::uint64_t seq, ByteView value, const crypto::KeyPair& keys) {
  return crypto::sign(mutable_signable(seq, value), keys);
}

bool verify_mutable(const MutableValue& value, const crypto::PublicKey& key) {
  return crypto::verify(value.signature, mutable_signable(value.seq, value.value), key);
}

}  // namespace hsfwd::hyperdht
