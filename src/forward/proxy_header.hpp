// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "net/stream_factory.hpp"
#include "node/peer_info.hpp"
#include "util/bytes.hpp"

namespace hsfwd::forward {

/// The kind of the TLV that holds the peer's public key, 32 bytes, among those that are for applications'
/// own use.
inline constexpr std::uint8_t kProxyKeyType = 0xe0;

/// What a service is told of a peer ahead of its first byte: a header of version 2 of the PROXY protocol (HAProxy's
/// proxy-protocol.txt, section 2.2), for a proxied stream.
///
/// The source is where the peer's packets come from: of a direct path the peer's host and UDP port, as TCP over
/// IPv4. A relay's address is nobody's that a service should judge by: then the family is unspecified, and there
/// is no address. The destination is the service's own, 0.0.0.0 if that is no IPv4 address. The key is there in
/// any case, and is what a peer cannot choose.
Bytes proxy_header(const PeerInfo& peer, const net::StreamAddress& service);

}  // namespace hsfwd::forward
