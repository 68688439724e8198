// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/messages.hpp"

namespace hsfwd::hyperdht {

namespace {

using codec::Reader;
using codec::Writer;

std::uint64_t flag_if(bool present, std::uint64_t flag) {
  return present ? flag : 0;
}

bool has(std::uint64_t flags, std::uint64_t flag) {
  return (flags & flag) != 0;
}

/// What a reader has put together, if all of it was there.
template <class T>
Result<T> finish(const Reader& reader, T value) {
  if (!reader.ok()) return Err(Errc::kTruncated);
  return value;
}

}  // namespace

Bytes HandshakeMessage::encode() const {
  return codec::encode([this](Writer& w) {
    w.uint(flag_if(peer_address.has_value(), 1) | flag_if(relay_address.has_value(), 2));
    w.number(mode);
    w.buffer(noise);
    if (peer_address) w.ipv4(*peer_address);
    if (relay_address) w.ipv4(*relay_address);
  });
}

Result<HandshakeMessage> HandshakeMessage::decode(ByteView bytes) {
  Reader r(bytes);
  HandshakeMessage out;
  const std::uint64_t flags = r.uint();
  out.mode = r.number<Mode>();
  out.noise = to_bytes(r.buffer());
  if (has(flags, 1)) out.peer_address = r.ipv4();
  if (has(flags, 2)) out.relay_address = r.ipv4();
  return finish(r, std::move(out));
}

Bytes HolepunchMessage::encode() const {
  return codec::encode([this](Writer& w) {
    w.uint(flag_if(peer_address.has_value(), 1));
    w.number(mode);
    w.uint(id);
    w.buffer(payload);
    if (peer_address) w.ipv4(*peer_address);
  });
}

Result<HolepunchMessage> HolepunchMessage::decode(ByteView bytes) {
  Reader r(bytes);
  HolepunchMessage out;
  const std::uint64_t flags = r.uint();
  out.mode = r.number<Mode>();
  out.id = r.uint();
  out.payload = to_bytes(r.buffer());
  if (has(flags, 1)) out.peer_address = r.ipv4();
  return finish(r, std::move(out));
}

namespace {

void write_holepunch_info(Writer& w, const HolepunchInfo& info) {
  w.uint(info.id);
  w.uint(info.relays.size());
  for (const RelayInfo& relay : info.relays) {
    w.ipv4(relay.relay_address);
    w.ipv4(relay.peer_address);
  }
}

HolepunchInfo read_holepunch_info(Reader& r) {
  HolepunchInfo info;
  info.id = r.uint();
  r.array([&] {
    RelayInfo relay;
    relay.relay_address = r.ipv4();
    relay.peer_address = r.ipv4();
    info.relays.push_back(relay);
  });
  return info;
}

void write_udx_info(Writer& w, const UdxInfo& info) {
  w.uint(info.version);
  w.uint(info.reusable_socket ? 1 : 0);
  w.uint(info.id);
  w.uint(info.seq);
}

UdxInfo read_udx_info(Reader& r) {
  UdxInfo info;
  info.version = r.uint();
  info.reusable_socket = has(r.uint(), 1);
  info.id = r.uint();
  info.seq = r.uint();
  return info;
}

void write_relay_through(Writer& w, const RelayThroughInfo& info) {
  w.uint(info.version);
  w.uint(0);
  w.fixed(info.public_key);
  w.fixed(info.token);
}

RelayThroughInfo read_relay_through(Reader& r) {
  RelayThroughInfo info;
  info.version = r.uint();
  r.uint();
  info.public_key = r.fixed<crypto::PublicKey>();
  info.token = r.fixed<crypto::Hash32>();
  return info;
}

enum NoiseFlag : std::uint64_t {
  kHolepunch = 1,
  kAddresses4 = 2,
  kAddresses6 = 4,
  kUdx = 8,
  kSecretStream = 16,
  kRelayThrough = 32,
  kRelayAddresses = 64,
};

}  // namespace

Bytes NoisePayload::encode() const {
  return codec::encode([this](Writer& w) {
    w.uint(version);
    w.uint(flag_if(holepunch.has_value(), kHolepunch) | flag_if(!addresses4.empty(), kAddresses4) |
           flag_if(!addresses6.empty(), kAddresses6) | flag_if(udx.has_value(), kUdx) |
           flag_if(secret_stream.has_value(), kSecretStream) |
           flag_if(relay_through.has_value(), kRelayThrough) |
           flag_if(relay_addresses.has_value(), kRelayAddresses));
    w.number(error);
    w.number(firewall);
    if (holepunch) write_holepunch_info(w, *holepunch);
    if (!addresses4.empty()) w.ipv4_array(addresses4);
    if (!addresses6.empty()) {
      w.uint(addresses6.size());
      for (const net::Ipv6Address& address : addresses6) w.ipv6(address);
    }
    if (udx) write_udx_info(w, *udx);
    if (secret_stream) w.uint(*secret_stream);
    if (relay_through) write_relay_through(w, *relay_through);
    if (relay_addresses) w.ipv4_array(*relay_addresses);
    if (extension) extension->write(w);
  });
}

Result<NoisePayload> NoisePayload::decode(ByteView bytes) {
  Reader r(bytes);
  NoisePayload out;
  out.version = r.uint();
  if (out.version != 1) return finish(r, std::move(out));
  const std::uint64_t flags = r.uint();
  out.error = r.number<PayloadError>();
  out.firewall = r.number<Firewall>();
  if (has(flags, kHolepunch)) out.holepunch = read_holepunch_info(r);
  if (has(flags, kAddresses4)) out.addresses4 = r.ipv4_array();
  if (has(flags, kAddresses6)) r.array([&] { out.addresses6.push_back(r.ipv6()); });
  if (has(flags, kUdx)) out.udx = read_udx_info(r);
  if (has(flags, kSecretStream)) out.secret_stream = r.uint();
  if (has(flags, kRelayThrough)) out.relay_through = read_relay_through(r);
  if (has(flags, kRelayAddresses)) out.relay_addresses = r.ipv4_array();
  if (r.ok()) out.extension = Extension::read(r.rest());
  return finish(r, std::move(out));
}

namespace {

enum PunchFlag : std::uint64_t {
  kConnected = 1,  // these two are values by themselves
  kPunching = 2,
  kAddresses = 4,
  kRemoteAddress = 8,
  kToken = 16,
  kRemoteToken = 32,
};

}  // namespace

Bytes HolepunchPayload::encode() const {
  return codec::encode([this](Writer& w) {
    w.uint(flag_if(connected, kConnected) | flag_if(punching, kPunching) |
           flag_if(addresses.has_value(), kAddresses) |
           flag_if(remote_address.has_value(), kRemoteAddress) |
           flag_if(token.has_value(), kToken) | flag_if(remote_token.has_value(), kRemoteToken));
    w.number(error);
    w.number(firewall);
    w.uint(round);
    if (addresses) w.ipv4_array(*addresses);
    if (remote_address) w.ipv4(*remote_address);
    if (token) w.fixed(*token);
    if (remote_token) w.fixed(*remote_token);
  });
}

Result<HolepunchPayload> HolepunchPayload::decode(ByteView bytes) {
  Reader r(bytes);
  HolepunchPayload out;
  const std::uint64_t flags = r.uint();
  out.error = r.number<PayloadError>();
  out.firewall = r.number<Firewall>();
  out.round = r.uint();
  out.connected = has(flags, kConnected);
  out.punching = has(flags, kPunching);
  if (has(flags, kAddresses)) out.addresses = r.ipv4_array();
  if (has(flags, kRemoteAddress)) out.remote_address = r.ipv4();
  if (has(flags, kToken)) out.token = r.fixed<crypto::Hash32>();
  if (has(flags, kRemoteToken)) out.remote_token = r.fixed<crypto::Hash32>();
  return finish(r, std::move(out));
}

void PeerRecord::write(Writer& w) const {
  w.fixed(public_key);
  w.ipv4_array(relay_addresses);
}

PeerRecord PeerRecord::read(Reader& r) {
  PeerRecord out;
  out.public_key = r.fixed<crypto::PublicKey>();
  out.relay_addresses = r.ipv4_array();
  return out;
}

Bytes PeerRecord::encode() const {
  return codec::encode([this](Writer& w) { write(w); });
}

Result<PeerRecord> PeerRecord::decode(ByteView bytes) {
  Reader r(bytes);
  PeerRecord out = read(r);
  return finish(r, std::move(out));
}

Bytes LookupReply::encode(const std::vector<Bytes>& records, std::uint64_t bump) {
  return codec::encode([&](Writer& w) {
    w.uint(records.size());
    for (const Bytes& record : records) w.raw(record);
    w.uint(bump);
  });
}

Result<LookupReply> LookupReply::decode(ByteView bytes) {
  Reader r(bytes);
  LookupReply out;
  r.array([&] { out.peers.push_back(PeerRecord::read(r)); });
  if (!r.rest().empty()) out.bump = r.uint();
  return finish(r, std::move(out));
}

Bytes AnnounceMessage::encode() const {
  return codec::encode([this](Writer& w) {
    w.uint(flag_if(peer.has_value(), 1) | flag_if(refresh.has_value(), 2) |
           flag_if(signature.has_value(), 4) | flag_if(bump != 0, 8));
    if (peer) peer->write(w);
    if (refresh) w.fixed(*refresh);
    if (signature) w.fixed(*signature);
    if (bump != 0) w.uint(bump);
  });
}

Result<AnnounceMessage> AnnounceMessage::decode(ByteView bytes) {
  Reader r(bytes);
  AnnounceMessage out;
  const std::uint64_t flags = r.uint();
  if (has(flags, 1)) out.peer = PeerRecord::read(r);
  if (has(flags, 2)) out.refresh = r.fixed<crypto::Hash32>();
  if (has(flags, 4)) out.signature = r.fixed<crypto::Signature>();
  if (has(flags, 8)) out.bump = r.uint();
  return finish(r, std::move(out));
}

Bytes encode_mutable_signable(std::uint64_t seq, ByteView value) {
  return codec::encode([&](Writer& w) {
    w.uint(seq);
    w.buffer(value);
  });
}

namespace {

void write_mutable(Writer& w, const MutableValue& value) {
  w.uint(value.seq);
  w.buffer(value.value);
  w.fixed(value.signature);
}

MutableValue read_mutable(Reader& r) {
  MutableValue out;
  out.seq = r.uint();
  out.value = to_bytes(r.buffer());
  out.signature = r.fixed<crypto::Signature>();
  return out;
}

}  // namespace

Bytes MutableValue::encode() const {
  return codec::encode([this](Writer& w) { write_mutable(w, *this); });
}

Result<MutableValue> MutableValue::decode(ByteView bytes) {
  Reader r(bytes);
  MutableValue out = read_mutable(r);
  return finish(r, std::move(out));
}

Bytes MutablePut::encode() const {
  return codec::encode([this](Writer& w) {
    w.fixed(public_key);
    write_mutable(w, content);
  });
}

Result<MutablePut> MutablePut::decode(ByteView bytes) {
  Reader r(bytes);
  MutablePut out;
  out.public_key = r.fixed<crypto::PublicKey>();
  out.content = read_mutable(r);
  return finish(r, std::move(out));
}

Bytes PluginRequest::encode() const {
  return codec::encode([this](Writer& w) {
    w.string(plugin);
    w.uint(version);
    w.uint(command);
    w.uint(flag_if(value.has_value(), 1));
    if (value) w.buffer(*value);
  });
}

Result<PluginRequest> PluginRequest::decode(ByteView bytes) {
  Reader r(bytes);
  PluginRequest out;
  out.plugin = r.string();
  out.version = r.uint();
  out.command = r.uint();
  if (has(r.uint(), 1)) out.value = to_bytes(r.buffer());
  return finish(r, std::move(out));
}

}  // namespace hsfwd::hyperdht
