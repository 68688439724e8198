// SPDX-License-Identifier: Apache-2.0
// Whole nodes and whole connections: what leaves when something arrives.
#include <algorithm>

#include "hyperdht/dht.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "runner.hpp"
#include "stage.hpp"

namespace hsfwd::vectors {

namespace {

using namespace hyperdht;

/// Closer nodes in a fixed order, since theirs is free.
Bytes normalised(const Bytes& datagram) {
  const auto response = rpc::decode_response(datagram);
  if (!response) return datagram;
  rpc::ResponseMessage sorted = *response;
  std::sort(sorted.closer_nodes.begin(), sorted.closer_nodes.end());
  return sorted.encode();
}

class Scenario {
 public:
  explicit Scenario(const Json& node) : dht_(stage_.env(), options_for(node)) {
    expect(dht_.start().ok(), "cannot start");
    stage_.settle();
    const Address own = address_of(node["address"]);
    if (!node["ephemeral"]) dht_.node().force_persistent(own);
    dht_.node().tokens().set_secrets(rpc::Tokens::Secret::from(bytes_of(node["secrets"][0])),
                                     rpc::Tokens::Secret::from(bytes_of(node["secrets"][1])));
    stage_.settle();
    stage_.take_sent();
  }

  void step(const Json& step) {
    const std::string label = step["label"];
    net::UdpSocket& socket =
        step["socket"] == "server" ? dht_.endpoint().server() : dht_.endpoint().client();
    Bytes bytes = bytes_of(step["hex"]);
    net::InboundDatagram datagram{address_of(step["from"]), bytes};
    dht_.endpoint().on_datagrams(socket, {&datagram, 1});
    stage_.settle();
    // Only pings that ask for it are answered later; nothing else happens in this time.
    stage_.advance(30_ms);
    compare(step["out"], label);
  }

 private:
  static DhtOptions options_for(const Json& node) {
    const Address own = address_of(node["address"]);
    DhtOptions options;
    options.node.firewalled = false;
    options.node.ephemeral = node["ephemeral"].get<bool>();
    options.bind.port = own.port;
    return options;
  }

  void compare(const Json& wanted, const std::string& label) {
    auto sent = stage_.take_sent();
    expect(sent.size() == wanted.size(),
           label + ": " + std::to_string(sent.size()) + " datagrams left");
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const bool server = sent[i].port == dht_.endpoint().server().local_address().port;
      expect((server ? "server" : "client") == wanted[i]["socket"], label + ": other socket");
      expect(sent[i].to.to_string() == wanted[i]["to"],
             label + ": goes to " + sent[i].to.to_string());
      expect(sent[i].ttl == wanted[i]["ttl"], label + ": other ttl");
      const Bytes hex = normalised(bytes_of(wanted[i]["hex"]));
      expect_bytes(normalised(sent[i].bytes), to_hex(hex), label);
    }
  }

  Stage stage_;
  Dht dht_;
};

/// Opens and compares everything one datagram of a trace carries.
void check_trace_packet(const Json& packet, const SecurePayload& secure) {
  const Bytes bytes = bytes_of(packet["hex"]);
  if (packet["kind"] == "punch") {
    expect(bytes.size() <= 1, "a punch has at most one byte");
    return;
  }
  const Address from = address_of(packet["from"]);
  std::optional<ByteView> value;
  std::optional<rpc::NodeId> id;
  std::uint16_t tid = 0;
  if (packet["kind"] == "request") {
    const auto request = rpc::decode_request(bytes);
    expect(request.ok(), "request does not decode");
    expect_bytes(request->encode(), packet["hex"], "request encodes to");
    value = request->value;
    id = request->id;
    tid = request->tid;
  } else {
    const auto response = rpc::decode_response(bytes);
    expect(response.ok(), "response does not decode");
    expect_bytes(response->encode(), packet["hex"], "response encodes to");
    value = response->value;
    id = response->id;
    tid = response->tid;
  }
  expect(tid == packet["tid"], "other tid");
  const auto sender = rpc::verified_id(id, from);
  expect((sender ? Json(to_hex(sender->view())) : Json()) == packet["senderId"], "other sender id");
  expect(value.has_value(), "no value");
  if (packet["command"] == "PEER_HANDSHAKE") {
    const auto message = HandshakeMessage::decode(*value);
    expect(message.ok(), "handshake does not decode");
    expect_bytes(message->noise, packet["noise"], "noise");
    expect(message->peer_address == maybe_address(packet["peerAddress"]), "other peer address");
    expect_bytes(message->encode(), to_hex(*value), "handshake encodes to");
    return;
  }
  const auto message = HolepunchMessage::decode(*value);
  expect(message.ok(), "holepunch does not decode");
  expect(message->id == packet["id"], "other session id");
  expect_bytes(message->encode(), to_hex(*value), "holepunch encodes to");
  const auto payload = secure.open(message->payload);
  expect(payload.ok(), "payload does not open");
  expect_bytes(payload->encode(), packet["plaintext"], "payload");
}

}  // namespace

bool is_dropped(const net::Address& from, Bytes datagram) {
  Stage stage;
  DhtOptions options;
  options.node.firewalled = false;
  Dht dht(stage.env(), options);
  expect(dht.start().ok(), "cannot start");
  stage.settle();
  stage.take_sent();
  net::InboundDatagram inbound{from, datagram};
  dht.endpoint().on_datagrams(dht.endpoint().server(), {&inbound, 1});
  stage.settle();
  return stage.sent().empty();
}

void check_node_scenarios(const Json& v) {
  if (v["op"] != "scenario") throw Unknown(v["op"]);
  Scenario scenario(v["node"]);
  for (const Json& step : v["steps"]) scenario.step(step);
}

void check_connect_trace(const Json& v) {
  if (v["op"] != "trace") throw Unknown(v["op"]);
  const auto keys = [&](const char* seed) {
    return crypto::KeyPair::from_seed(crypto::Seed::from(bytes_of(v[seed])));
  };
  const crypto::KeyPair server = keys("serverSeed");
  expect_bytes(target_of_peer(server.public_key).view(), v["target"], "target");
  const auto prologue = name_space_of(Command::kPeerHandshake).view();
  noise::Initiator initiator(keys("clientSeed"), server.public_key, prologue);
  const auto payload1 = NoisePayload::decode(bytes_of(v["payload1"]));
  expect(payload1.ok(), "payload 1 does not decode");
  expect_bytes(payload1->encode(), v["payload1"], "payload 1 encodes to");
  const auto message1 = initiator.write_message1(keys("clientEphemeralSeed"), payload1->encode());
  expect(message1.ok(), "message 1 is not written");
  expect_bytes(*message1, v["message1"], "message 1");
  noise::Responder responder(server, prologue);
  expect(responder.read_message1(*message1).ok(), "message 1 does not open");
  const auto answer =
      responder.write_message2(keys("serverEphemeralSeed"), bytes_of(v["payload2"]));
  expect(answer.ok(), "message 2 is not written");
  expect_bytes(answer->message, v["message2"], "message 2");
  const auto payload2 = NoisePayload::decode(bytes_of(v["payload2"]));
  expect(payload2.ok(), "payload 2 does not decode");
  expect_bytes(payload2->encode(), v["payload2"], "payload 2 encodes to");
  const auto opened = initiator.read_message2(answer->message);
  expect(opened.ok(), "message 2 does not open");
  expect_bytes(opened->session.hash.view(), v["handshakeHash"], "handshake hash");

  Stage stage;
  const crypto::Key32 shared = SecurePayload::shared_key(opened->session.hash);
  expect_bytes(shared.view(), v["holepunchSecret"], "holepunch secret");
  const SecurePayload secure(shared, {}, stage.random());
  for (const Json& packet : v["packets"]) check_trace_packet(packet, secure);
}

}  // namespace hsfwd::vectors
