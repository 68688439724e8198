// SPDX-License-Identifier: Apache-2.0
// dht-rpc packets and the bodies of HyperDHT's messages: fields to bytes and back.
#include "hyperdht/wire/messages.hpp"
#include "rpc/message.hpp"
#include "runner.hpp"

namespace hsfwd::vectors {

namespace {

using namespace hyperdht;

Json text_or_null(const std::optional<Address>& address) {
  return address ? Json(address->to_string()) : Json();
}
template <class Fixed>
Json hex_or_null(const std::optional<Fixed>& fixed) {
  return fixed ? Json(to_hex(fixed->view())) : Json();
}
Json text_list(const std::vector<Address>& addresses) {
  Json out = Json::array();
  for (const Address& address : addresses) out.push_back(address.to_string());
  return out;
}

// --- dht-rpc ---

Json fields_of(const rpc::RequestMessage& m) {
  return {{"tid", m.tid},
          {"to", m.to.to_string()},
          {"id", hex_or_null(m.id)},
          {"token", hex_or_null(m.token)},
          {"internal", m.command.internal()},
          {"command", m.command.number()},
          {"target", hex_or_null(m.target)},
          {"value", m.value ? Json(to_hex(*m.value)) : Json()}};
}

Json fields_of(const rpc::ResponseMessage& m) {
  return {{"tid", m.tid},
          {"to", m.to.to_string()},
          {"id", hex_or_null(m.id)},
          {"token", hex_or_null(m.token)},
          {"closerNodes", m.closer_nodes.empty() ? Json() : text_list(m.closer_nodes)},
          {"error", m.error},
          {"value", m.value ? Json(to_hex(*m.value)) : Json()}};
}

void check_request(const Json& v) {
  const Json& f = v["fields"];
  const auto value = maybe_bytes(f["value"]);
  const rpc::RequestMessage message{
      .tid = f["tid"],
      .to = address_of(f["to"]),
      .id = maybe_fixed<rpc::NodeId>(f["id"]),
      .token = maybe_fixed<rpc::Token>(f["token"]),
      .command = rpc::CommandCode(f["command"], f["internal"]),
      .target = maybe_fixed<rpc::Target>(f["target"]),
      .value = value ? std::optional<ByteView>(*value) : std::nullopt,
  };
  expect_bytes(message.encode(), v["hex"], "encodes to");
  const Bytes bytes = bytes_of(v["hex"]);
  const auto decoded = rpc::decode_request(bytes);
  expect(decoded.ok(), "does not decode");
  expect(fields_of(*decoded) == f, "decodes to " + fields_of(*decoded).dump());
}

void check_response(const Json& v) {
  const Json& f = v["fields"];
  const auto value = maybe_bytes(f["value"]);
  const rpc::ResponseMessage message{
      .tid = f["tid"],
      .to = address_of(f["to"]),
      .id = maybe_fixed<rpc::NodeId>(f["id"]),
      .token = maybe_fixed<rpc::Token>(f["token"]),
      .closer_nodes =
          f["closerNodes"].is_null() ? std::vector<Address>() : addresses_of(f["closerNodes"]),
      .error = f["error"],
      .value = value ? std::optional<ByteView>(*value) : std::nullopt,
  };
  expect_bytes(message.encode(), v["hex"], "encodes to");
  const Bytes bytes = bytes_of(v["hex"]);
  const auto decoded = rpc::decode_response(bytes);
  expect(decoded.ok(), "does not decode");
  expect(fields_of(*decoded) == f, "decodes to " + fields_of(*decoded).dump());
}

// --- HyperDHT ---

template <class Enum>
Enum number_of(const Json& field) {
  return static_cast<Enum>(field.get<std::uint64_t>());
}

Json fields_of(const HandshakeMessage& m) {
  return {{"mode", static_cast<std::uint64_t>(m.mode)},
          {"noise", to_hex(m.noise)},
          {"peerAddress", text_or_null(m.peer_address)},
          {"relayAddress", text_or_null(m.relay_address)}};
}
HandshakeMessage from_fields(const Json& f, HandshakeMessage*) {
  return {.mode = number_of<Mode>(f["mode"]),
          .noise = bytes_of(f["noise"]),
          .peer_address = maybe_address(f["peerAddress"]),
          .relay_address = maybe_address(f["relayAddress"])};
}

Json fields_of(const HolepunchMessage& m) {
  return {{"mode", static_cast<std::uint64_t>(m.mode)},
          {"id", m.id},
          {"payload", to_hex(m.payload)},
          {"peerAddress", text_or_null(m.peer_address)}};
}
HolepunchMessage from_fields(const Json& f, HolepunchMessage*) {
  return {.mode = number_of<Mode>(f["mode"]),
          .id = f["id"],
          .payload = bytes_of(f["payload"]),
          .peer_address = maybe_address(f["peerAddress"])};
}

std::string ipv6_text(const net::Ipv6Address& address) {
  std::string out;
  for (std::size_t i = 0; i < 16; i += 2) {
    char group[8];
    std::snprintf(group, sizeof group, "%x", address.host[i] << 8 | address.host[i + 1]);
    out += (i > 0 ? ":" : "") + std::string(group);
  }
  return out;
}

Json fields_of(const NoisePayload& p) {
  Json f = {{"version", p.version},
            {"error", static_cast<std::uint64_t>(p.error)},
            {"firewall", static_cast<std::uint64_t>(p.firewall)},
            {"holepunch", Json()},
            {"addresses4", text_list(p.addresses4)},
            {"addresses6", Json::array()},
            {"udx", Json()},
            {"secretStream", p.secret_stream ? Json{{"version", *p.secret_stream}} : Json()},
            {"relayThrough", Json()},
            {"relayAddresses", p.relay_addresses ? text_list(*p.relay_addresses) : Json()}};
  if (p.holepunch) {
    Json relays = Json::array();
    for (const RelayInfo& relay : p.holepunch->relays) {
      relays.push_back({{"relayAddress", relay.relay_address.to_string()},
                        {"peerAddress", relay.peer_address.to_string()}});
    }
    f["holepunch"] = {{"id", p.holepunch->id}, {"relays", relays}};
  }
  for (const net::Ipv6Address& address : p.addresses6) {
    f["addresses6"].push_back({{"host", ipv6_text(address)}, {"port", address.port}});
  }
  if (p.udx) {
    f["udx"] = {{"version", p.udx->version},
                {"reusableSocket", p.udx->reusable_socket},
                {"id", p.udx->id},
                {"seq", p.udx->seq}};
  }
  if (p.relay_through) {
    f["relayThrough"] = {{"version", p.relay_through->version},
                         {"publicKey", to_hex(p.relay_through->public_key.view())},
                         {"token", to_hex(p.relay_through->token.view())}};
  }
  return f;
}

net::Ipv6Address ipv6_from(const Json& value) {
  net::Ipv6Address out;
  out.port = value["port"];
  std::string rest = value["host"];
  for (std::size_t i = 0; i < 16; i += 2) {
    const std::size_t colon = rest.find(':');
    const unsigned long group = std::stoul(rest.substr(0, colon), nullptr, 16);
    out.host[i] = static_cast<std::uint8_t>(group >> 8);
    out.host[i + 1] = static_cast<std::uint8_t>(group);
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return out;
}

NoisePayload from_fields(const Json& f, NoisePayload*) {
  NoisePayload p;
  p.version = f["version"];
  p.error = number_of<PayloadError>(f["error"]);
  p.firewall = number_of<Firewall>(f["firewall"]);
  if (!f["holepunch"].is_null()) {
    p.holepunch.emplace();
    p.holepunch->id = f["holepunch"]["id"];
    for (const Json& relay : f["holepunch"]["relays"]) {
      p.holepunch->relays.push_back({.relay_address = address_of(relay["relayAddress"]),
                                     .peer_address = address_of(relay["peerAddress"])});
    }
  }
  p.addresses4 = addresses_of(f["addresses4"]);
  for (const Json& address : f["addresses6"]) p.addresses6.push_back(ipv6_from(address));
  if (!f["udx"].is_null()) {
    p.udx = UdxInfo{.version = f["udx"]["version"],
                    .reusable_socket = f["udx"]["reusableSocket"],
                    .id = f["udx"]["id"],
                    .seq = f["udx"]["seq"]};
  }
  if (!f["secretStream"].is_null()) p.secret_stream = f["secretStream"]["version"];
  if (!f["relayThrough"].is_null()) {
    p.relay_through =
        RelayThroughInfo{.version = f["relayThrough"]["version"],
                         .public_key = fixed_of<crypto::PublicKey>(f["relayThrough"]["publicKey"]),
                         .token = fixed_of<crypto::Hash32>(f["relayThrough"]["token"])};
  }
  if (!f["relayAddresses"].is_null()) p.relay_addresses = addresses_of(f["relayAddresses"]);
  return p;
}

Json fields_of(const HolepunchPayload& p) {
  return {{"error", static_cast<std::uint64_t>(p.error)},
          {"firewall", static_cast<std::uint64_t>(p.firewall)},
          {"round", p.round},
          {"connected", p.connected},
          {"punching", p.punching},
          {"addresses", p.addresses ? text_list(*p.addresses) : Json()},
          {"remoteAddress", text_or_null(p.remote_address)},
          {"token", hex_or_null(p.token)},
          {"remoteToken", hex_or_null(p.remote_token)}};
}
HolepunchPayload from_fields(const Json& f, HolepunchPayload*) {
  HolepunchPayload p{.error = number_of<PayloadError>(f["error"]),
                     .firewall = number_of<Firewall>(f["firewall"]),
                     .round = f["round"],
                     .connected = f["connected"],
                     .punching = f["punching"],
                     .remote_address = maybe_address(f["remoteAddress"]),
                     .token = maybe_fixed<crypto::Hash32>(f["token"]),
                     .remote_token = maybe_fixed<crypto::Hash32>(f["remoteToken"])};
  if (!f["addresses"].is_null()) p.addresses = addresses_of(f["addresses"]);
  return p;
}

Json fields_of(const PeerRecord& m) {
  return {{"publicKey", to_hex(m.public_key.view())},
          {"relayAddresses", text_list(m.relay_addresses)}};
}
PeerRecord from_fields(const Json& f, PeerRecord*) {
  return {.public_key = fixed_of<crypto::PublicKey>(f["publicKey"]),
          .relay_addresses = addresses_of(f["relayAddresses"])};
}

/// Encoding takes the records as stored, so the type has no encode() of itself.
struct LookupFields {
  LookupReply reply;
  Bytes encode() const {
    std::vector<Bytes> records;
    for (const PeerRecord& peer : reply.peers) records.push_back(peer.encode());
    return LookupReply::encode(records, reply.bump);
  }
  static Result<LookupFields> decode(ByteView bytes) {
    auto reply = LookupReply::decode(bytes);
    if (!reply) return Err(reply.error());
    return LookupFields{std::move(*reply)};
  }
};
Json fields_of(const LookupFields& m) {
  Json peers = Json::array();
  for (const PeerRecord& peer : m.reply.peers) peers.push_back(fields_of(peer));
  return {{"peers", peers}, {"bump", m.reply.bump}};
}
LookupFields from_fields(const Json& f, LookupFields*) {
  LookupFields out;
  for (const Json& peer : f["peers"]) {
    out.reply.peers.push_back(from_fields(peer, static_cast<PeerRecord*>(nullptr)));
  }
  out.reply.bump = f["bump"];
  return out;
}

Json fields_of(const AnnounceMessage& m) {
  return {{"peer", m.peer ? fields_of(*m.peer) : Json()},
          {"refresh", hex_or_null(m.refresh)},
          {"signature", hex_or_null(m.signature)},
          {"bump", m.bump}};
}
AnnounceMessage from_fields(const Json& f, AnnounceMessage*) {
  AnnounceMessage m{.refresh = maybe_fixed<crypto::Hash32>(f["refresh"]),
                    .signature = maybe_fixed<crypto::Signature>(f["signature"]),
                    .bump = f["bump"]};
  if (!f["peer"].is_null()) m.peer = from_fields(f["peer"], static_cast<PeerRecord*>(nullptr));
  return m;
}

Json fields_of(const MutableValue& m) {
  return {{"seq", m.seq}, {"value", to_hex(m.value)}, {"signature", to_hex(m.signature.view())}};
}
MutableValue from_fields(const Json& f, MutableValue*) {
  return {.seq = f["seq"],
          .value = bytes_of(f["value"]),
          .signature = fixed_of<crypto::Signature>(f["signature"])};
}

Json fields_of(const MutablePut& m) {
  Json f = fields_of(m.content);
  f["publicKey"] = to_hex(m.public_key.view());
  return f;
}
MutablePut from_fields(const Json& f, MutablePut*) {
  return {.public_key = fixed_of<crypto::PublicKey>(f["publicKey"]),
          .content = from_fields(f, static_cast<MutableValue*>(nullptr))};
}

Json fields_of(const PluginRequest& m) {
  return {{"plugin", m.plugin},
          {"version", m.version},
          {"command", m.command},
          {"value", m.value ? Json(to_hex(*m.value)) : Json()}};
}
PluginRequest from_fields(const Json& f, PluginRequest*) {
  return {.plugin = f["plugin"],
          .version = f["version"],
          .command = f["command"],
          .value = maybe_bytes(f["value"])};
}

template <class Message>
void check_message(const Json& v) {
  const std::string op = v["op"];
  const Bytes bytes = bytes_of(v["hex"]);
  const auto decoded = Message::decode(bytes);
  if (op == "reject") {
    expect(!decoded, "is accepted");
    return;
  }
  expect(decoded.ok(), "does not decode");
  expect(fields_of(*decoded) == v["fields"], "decodes to " + fields_of(*decoded).dump());
  if (op == "encode") {
    expect_bytes(from_fields(v["fields"], static_cast<Message*>(nullptr)).encode(), v["hex"],
                 "encodes to");
  }
}

void check_peers(const Json& v) {
  const Bytes bytes = bytes_of(v["hex"]);
  codec::Reader reader(bytes);
  Json fields = Json::array();
  reader.array([&] { fields.push_back(fields_of(PeerRecord::read(reader))); });
  expect(reader.ok() == (v["op"] != "reject"), "is accepted or refused");
  if (reader.ok()) expect(fields == v["fields"], "decodes to " + fields.dump());
}

void check_mutable_signable(const Json& v) {
  if (v["op"] != "encode") throw Unknown(v["op"]);
  expect_bytes(encode_mutable_signable(v["fields"]["seq"], bytes_of(v["fields"]["value"])),
               v["hex"], "encodes to");
}

}  // namespace

void check_rpc_packets(const Json& v) {
  const std::string op = v["op"];
  if (op == "request") {
    check_request(v);
  } else if (op == "response") {
    check_response(v);
  } else if (op == "request-decode") {
    const Bytes bytes = bytes_of(v["hex"]);
    auto decoded = rpc::decode_request(bytes);
    expect(decoded.ok(), "does not decode");
    decoded->id = rpc::verified_id(decoded->id, address_of(v["from"]));
    expect(fields_of(*decoded) == v["fields"], "decodes to " + fields_of(*decoded).dump());
  } else if (op == "drop") {
    expect(is_dropped(address_of(v["from"]), bytes_of(v["hex"])), "is not dropped");
  } else {
    throw Unknown(v["op"]);
  }
}

void check_hyperdht_messages(const Json& v) {
  static const std::map<std::string, Check> kTypes = {
      {"handshake", check_message<HandshakeMessage>},
      {"holepunch", check_message<HolepunchMessage>},
      {"noisePayload", check_message<NoisePayload>},
      {"holepunchPayload", check_message<HolepunchPayload>},
      {"peer", check_message<PeerRecord>},
      {"peers", check_peers},
      {"lookupReply", check_message<LookupFields>},
      {"announce", check_message<AnnounceMessage>},
      {"mutableSignable", check_mutable_signable},
      {"mutablePutRequest", check_message<MutablePut>},
      {"mutableGetResponse", check_message<MutableValue>},
      {"pluginRequest", check_message<PluginRequest>},
  };
  const auto type = kTypes.find(v["type"].get<std::string>());
  if (type == kTypes.end()) throw Unknown(v["type"]);
  type->second(v);
}

}  // namespace hsfwd::vectors
