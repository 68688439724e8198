// SPDX-License-Identifier: Apache-2.0
// What announcements and mutable values are signed over: namespace (32) || digest (32).
#pragma once

#include "hyperdht/wire/messages.hpp"

namespace hsfwd::hyperdht {

/// Binds an announcement to one storing node, one round-trip token, and the record as sent. The bump
/// is not signed. `command` is kAnnounce or kUnannounce.
Bytes announce_signable(Command command, const rpc::Target& target, const rpc::NodeId& storing_node,
                        const rpc::Token& token, const AnnounceMessage& message);

/// Signs with the key pair that message.peer names.
crypto::Signature sign_announce(Command command, const rpc::Target& target,
                                const rpc::NodeId& storing_node, const rpc::Token& token,
                                const AnnounceMessage& message, const crypto::KeyPair& keys);
bool verify_announce(Command command, const rpc::Target& target, const rpc::NodeId& storing_node,
                     const rpc::Token& token, const AnnounceMessage& message);

/// Neither node nor token enter, so that anybody may republish a value.
Bytes mutable_signable(std::uint64_t seq, ByteView value);
crypto::Signature sign_mutable(std::uint64_t seq, ByteView value, const crypto::KeyPair& keys);
bool verify_mutable(const MutableValue& value, const crypto::PublicKey& key);

}  // namespace hsfwd::hyperdht
