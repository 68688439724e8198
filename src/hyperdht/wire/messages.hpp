// SPDX-License-Identifier: Apache-2.0
// Bodies of HyperDHT's messages: the values of dht-rpc packets, and what is sealed inside them.
// Every type has one encode() and one decode(); the layout stands above it. `?n`: present if flag n
// is set. Unknown flags and trailing bytes are ignored. decode() errors: kTruncated, kTooLarge.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/writer.hpp"
#include "hyperdht/wire/extension.hpp"
#include "hyperdht/wire/protocol.hpp"

namespace hsfwd::hyperdht {

using net::Address;

// flags | mode uint | noise buffer | peer address (6) ?1 | relay address (6) ?2
struct HandshakeMessage {
  Mode mode = Mode::kFromClient;
  Bytes noise;
  std::optional<Address> peer_address;
  std::optional<Address> relay_address;

  Bytes encode() const;
  static Result<HandshakeMessage> decode(ByteView bytes);
};

// flags | mode uint | id uint | payload buffer | peer address (6) ?1
struct HolepunchMessage {
  Mode mode = Mode::kFromClient;
  std::uint64_t id = 0;
  Bytes payload;
  std::optional<Address> peer_address;

  Bytes encode() const;
  static Result<HolepunchMessage> decode(ByteView bytes);
};

struct RelayInfo {
  Address relay_address;
  Address peer_address;  // the server, as that relay sees it

  auto operator<=>(const RelayInfo&) const = default;
};

// id uint | relays array of { relay address (6) | peer address (6) }
struct HolepunchInfo {
  std::uint64_t id = 0;
  std::vector<RelayInfo> relays;
};

// version uint = 1 | features uint, bit 0: the socket may be used again | id uint | seq uint
struct UdxInfo {
  std::uint64_t version = 1;
  bool reusable_socket = false;
  std::uint64_t id = 0;
  std::uint64_t seq = 0;
};

// version uint = 1 | flags uint = 0 | public key (32) | token (32)
struct RelayThroughInfo {
  std::uint64_t version = 1;
  crypto::PublicKey public_key;
  crypto::Hash32 token;
};

// version uint = 1 | flags | error uint | firewall uint | holepunch ?1 | addresses4 array(6) ?2
// | addresses6 array(18) ?4 | udx ?8 | secret stream version uint ?16 | relay through ?32
// | relay addresses array(6) ?64 | extension of hsfwd, if any
//
// Of another version nothing is read but the version.
struct NoisePayload {
  std::uint64_t version = 1;
  PayloadError error = PayloadError::kNone;
  Firewall firewall = Firewall::kUnknown;
  std::optional<HolepunchInfo> holepunch;
  std::vector<Address> addresses4;  // written only if not empty
  std::vector<net::Ipv6Address> addresses6;
  std::optional<UdxInfo> udx;
  std::optional<std::uint64_t> secret_stream;  // its version
  std::optional<RelayThroughInfo> relay_through;
  std::optional<std::vector<Address>> relay_addresses;
  std::optional<Extension> extension;

  Bytes encode() const;
  static Result<NoisePayload> decode(ByteView bytes);
};

// flags, 1: connected, 2: punching | error uint | firewall uint | round uint
// | addresses array(6) ?4 | remote address (6) ?8 | token (32) ?16 | remote token (32) ?32
struct HolepunchPayload {
  PayloadError error = PayloadError::kNone;
  Firewall firewall = Firewall::kUnknown;
  std::uint64_t round = 0;
  bool connected = false;
  bool punching = false;
  std::optional<std::vector<Address>> addresses;
  std::optional<Address> remote_address;
  std::optional<crypto::Hash32> token;
  std::optional<crypto::Hash32> remote_token;

  Bytes encode() const;
  static Result<HolepunchPayload> decode(ByteView bytes);
};

// public key (32) | relay addresses array(6)
struct PeerRecord {
  crypto::PublicKey public_key;
  std::vector<Address> relay_addresses;

  void write(codec::Writer& writer) const;
  static PeerRecord read(codec::Reader& reader);
  Bytes encode() const;
  static Result<PeerRecord> decode(ByteView bytes);
};

// count uint | that many peer records, back to back | bump uint (older nodes leave it out)
struct LookupReply {
  std::vector<PeerRecord> peers;
  std::uint64_t bump = 0;

  static Bytes encode(const std::vector<Bytes>& records, std::uint64_t bump);
  static Result<LookupReply> decode(ByteView bytes);
};

// flags | peer record ?1 | refresh (32) ?2 | signature (64) ?4 | bump uint ?8, Unix ms
struct AnnounceMessage {
  std::optional<PeerRecord> peer;
  std::optional<crypto::Hash32> refresh;
  std::optional<crypto::Signature> signature;
  std::uint64_t bump = 0;

  Bytes encode() const;
  static Result<AnnounceMessage> decode(ByteView bytes);
};

// seq uint | value buffer
Bytes encode_mutable_signable(std::uint64_t seq, ByteView value);

// seq uint | value buffer | signature (64)
struct MutableValue {
  std::uint64_t seq = 0;
  Bytes value;
  crypto::Signature signature;

  Bytes encode() const;
  static Result<MutableValue> decode(ByteView bytes);
};

// public key (32) | seq uint | value buffer | signature (64)
struct MutablePut {
  crypto::PublicKey public_key;
  MutableValue content;

  Bytes encode() const;
  static Result<MutablePut> decode(ByteView bytes);
};

// plugin string | version uint | command uint | flags | value buffer ?1
struct PluginRequest {
  std::string plugin;
  std::uint64_t version = 0;
  std::uint64_t command = 0;
  std::optional<Bytes> value;

  Bytes encode() const;
  static Result<PluginRequest> decode(ByteView bytes);
};

}  // namespace hsfwd::hyperdht
