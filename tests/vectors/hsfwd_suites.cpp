// SPDX-License-Identifier: Apache-2.0
// What two hsfwd peers add to a session, docs/protocol/forward.md sections 6, 7 and 9 to 12.
#include <set>

#include "forward/flow_datagram.hpp"
#include "hyperdht/peer/packet_parts.hpp"
#include "hyperdht/peer/stream_keys.hpp"
#include "hyperdht/wire/path_challenge.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "hyperdht/wire/session_message.hpp"
#include "hyperdht/wire/size_probe.hpp"
#include "runner.hpp"
#include "secret_stream/framing.hpp"
#include "secret_stream/packets.hpp"
#include "secret_stream/unordered.hpp"
#include "sim/random.hpp"

namespace hsfwd::vectors {

namespace {

using namespace secret_stream;

crypto::KeyPair key_pair_of(const Json& seed) {
  return crypto::KeyPair::from_seed(crypto::Seed::from(bytes_of(seed)));
}

/// What one side says is sealed equal, and opens once at the other.
void check_unordered(const Json& list, const noise::Session& from, const noise::Session& to) {
  sim::SeededRandom random(1);
  Unordered sender(from, random, Unordered::Keys::kOfSecret);
  Unordered receiver(to, random, Unordered::Keys::kOfSecret);
  for (const Json& one : list) {
    expect_bytes(*sender.seal(bytes_of(one["plaintext"])), one["envelope"], "envelope");
    const auto opened = receiver.open(bytes_of(one["envelope"]));
    expect(opened.ok(), "envelope does not open");
    expect_bytes(*opened, one["plaintext"], "plaintext");
  }
  for (const Json& one : list) {
    expect(!receiver.open(bytes_of(one["envelope"])), "envelope opens again");
  }
}

/// The same with packets, which also say whose they are.
void check_packets(const Json& list, const noise::Session& from, const noise::Session& to) {
  Packets sender(from);
  Packets receiver(to);
  Bytes room;
  for (const Json& one : list) {
    const Bytes payload = bytes_of(one["payload"]);
    const auto channel = static_cast<PacketChannel>(one["channel"].get<std::uint8_t>());
    Bytes packet(Packets::kOverhead + payload.size());
    copy_bytes(payload, MutableBytes(packet).subspan(Packets::kHeadroom, payload.size()));
    expect(sender.seal(channel, packet), "packet is not sealed");
    expect_bytes(packet, one["packet"], "packet");
    room.resize(packet.size());
    const auto opened = receiver.open(packet, room);
    expect(opened.ok(), "packet does not open");
    expect(opened->channel == channel, "channel");
    expect_bytes(opened->payload, one["payload"], "payload");
  }
  for (const Json& one : list) {
    const Bytes packet = bytes_of(one["packet"]);
    room.resize(packet.size());
    expect(!receiver.open(packet, room), "packet opens again");
  }
}

void check_holepunch(const Json& v, const noise::Session& session) {
  sim::SeededRandom random(1);
  const hyperdht::SecurePayload payload(hyperdht::SecurePayload::shared_key(session, true), random);
  crypto::BoxNonce nonce;
  copy_bytes(bytes_of(v["nonce"]), nonce);
  expect_bytes(payload.seal(nonce, bytes_of(v["plaintext"])), v["box"], "sealed payload");
  const auto opened = payload.open(bytes_of(v["box"]));
  expect(opened.ok(), "payload does not open");
  expect_bytes(opened->encode(), v["plaintext"], "payload");
}

struct TwoSessions {
  noise::Session client;
  noise::Session server;
};

/// The handshake of a vector, held against it.
TwoSessions sessions_of(const Json& v) {
  const auto server_keys = key_pair_of(v["responderStaticSeed"]);
  const auto prologue = crypto::name_space("hyperswarm/dht", 0);
  noise::Initiator initiator(key_pair_of(v["initiatorStaticSeed"]), server_keys.public_key,
                             prologue.view());
  noise::Responder responder(server_keys, prologue.view());
  const auto message1 =
      initiator.write_message1(key_pair_of(v["initiatorEphemeralSeed"]), bytes_of(v["payload1"]));
  expect(message1.ok() && responder.read_message1(*message1).ok(), "message 1 is refused");
  expect_bytes(*message1, v["message1"], "message 1");
  const auto answer =
      responder.write_message2(key_pair_of(v["responderEphemeralSeed"]), bytes_of(v["payload2"]));
  expect(answer.ok(), "message 2 is not written");
  expect_bytes(answer->message, v["message2"], "message 2");
  const auto opened = initiator.read_message2(answer->message);
  expect(opened.ok(), "message 2 does not open");

  const noise::Session& client = opened->session;
  const noise::Session& server = answer->session;
  expect_bytes(client.hash.view(), v["handshakeHash"], "handshake hash");
  expect_bytes(responder.state().chaining_key().view(), v["chainingKey"], "chaining key");
  for (const noise::Session* session : {&client, &server}) {
    expect_bytes(session->exporter.view(), v["exporter"], "exporter");
    for (const auto& [label, key] : v["keys"].items()) {
      expect_bytes(session->derive(label).view(), key, label);
    }
  }
  return {client, server};
}

void check_session(const Json& v) {
  const auto [client, server] = sessions_of(v);
  check_holepunch(v["holepunch"], client);
  check_holepunch(v["holepunch"], server);
  check_unordered(v["unordered"]["initiator"], client, server);
  check_unordered(v["unordered"]["responder"], server, client);
}

void check_packet_session(const Json& v) {
  const auto [client, server] = sessions_of(v);
  check_packets(v["packets"]["initiator"], client, server);
  check_packets(v["packets"]["responder"], server, client);
}

/// Of UDP flows: what each datagram begins with.
void check_flows(const Json& v, const char* role) {
  if (!v.contains("flows")) return;
  std::set<std::uint16_t> flows;
  for (const Json& one : v["whole"][role]) {
    const Bytes packet = bytes_of(one);
    const auto datagram = forward::read_flow(packet);
    expect(datagram.has_value(), "datagram of a flow");
    flows.insert(datagram->flow);
    Bytes written(forward::kFlowHeader);
    forward::write_flow(datagram->flow, written.data());
    append(written, datagram->bytes);
    expect_bytes(written, one, "datagram of a flow");
  }
  expect(Json(flows) == v["flows"][role], "flows");
}

/// What a receiver makes of the packets: whole ones, and questions and answers.
void check_beside(const Json& v, const char* role) {
  check_flows(v, role);
  hyperdht::PacketParts parts;
  std::vector<Bytes> whole;
  std::vector<std::uint32_t> questions;
  std::vector<std::uint32_t> answers;
  for (const Json& one : v["packets"][role]) {
    const auto channel = static_cast<PacketChannel>(one["channel"].get<std::uint8_t>());
    const Bytes payload = bytes_of(one["payload"]);
    if (channel == PacketChannel::kIp || channel == PacketChannel::kUdp) whole.push_back(payload);
    if (channel == PacketChannel::kIpParts || channel == PacketChannel::kUdpParts) {
      const auto added = parts.add(payload, Instant());
      if (added.whole) whole.push_back(to_bytes(*added.whole));
    }
    if (channel != PacketChannel::kControl) continue;
    const auto probe = hyperdht::SizeProbe::decode(payload);
    expect(probe.has_value(), "neither question nor answer");
    expect_bytes(probe->encode(payload.size()), one["payload"], "control");
    const bool asks = probe->kind == hyperdht::SizeProbe::Kind::kQuestion;
    (asks ? questions : answers).push_back(probe->number);
  }
  expect(whole.size() == v["whole"][role].size(), "number of IP packets");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    expect_bytes(whole[i], v["whole"][role][i], "IP packet");
  }
  if (!v.contains("questions")) return;
  expect(Json(questions) == v["questions"][role], "questions");
  expect(Json(answers) == v["answers"][role], "answers");
}

/// Halves of a packet, as a sender cuts them.
void check_cut(const Json& whole, const Json& first, const Json& second) {
  const Bytes bytes = bytes_of(whole);
  Bytes room(net::kTunnelHeadroom + bytes.size() + net::kTunnelTailroom);
  const MutableBytes packet = MutableBytes(room).subspan(net::kTunnelHeadroom, bytes.size());
  copy_bytes(bytes, packet);
  const auto parts = hyperdht::cut_in_two(packet, 0);
  expect_bytes(parts[0], first["payload"], "first part");
  expect_bytes(parts[1], second["payload"], "second part");
}

void check_ip_session(const Json& v) {
  check_packet_session(v);
  check_beside(v, "initiator");
  check_beside(v, "responder");
  check_cut(v["whole"]["initiator"][1], v["packets"]["initiator"][1], v["packets"]["initiator"][2]);
}

std::string text_of(const Json& hex) {
  return std::string(as_text(bytes_of(hex)));
}

void check_control(const Json& one) {
  using Message = hyperdht::SessionMessage;
  const auto message = Message::decode(bytes_of(one["record"]));
  expect(message.ok(), "control message is refused");
  expect(message->kind == static_cast<Message::Kind>(one["kind"].get<std::uint64_t>()), "kind");
  expect(message->number == one["number"].get<std::uint64_t>(), "number");
  if (one.contains("service")) expect(message->service == text_of(one["service"]), "service");
  expect(message->features == one.value("features", std::uint64_t{0}), "features");
  if (one.contains("text")) expect(message->text == text_of(one["text"]), "text");
  if (one.contains("services")) {
    std::vector<std::string> services;
    for (const Json& name : one["services"]) services.push_back(text_of(name));
    expect(message->services == services, "services");
  }
  expect_bytes(message->encode(), one["record"], "control message");
}

void check_challenge(const Json& v) {
  using Challenge = hyperdht::PathChallenge;
  for (const auto& [name, kind] : {std::pair{"question", Challenge::Kind::kQuestion},
                                   std::pair{"answer", Challenge::Kind::kAnswer}}) {
    const auto challenge = Challenge::decode(bytes_of(v[name]));
    expect(challenge && challenge->kind == kind, "no challenge");
    expect_bytes(challenge->nonce.view(), v["nonce"], "nonce");
    expect_bytes(challenge->encode(), v[name], "challenge");
  }
}

void check_sessions(const Json& v) {
  check_packet_session(v);
  const auto [client, server] = sessions_of(v);
  expect_bytes(client.derive("hsfwd session").view().first(16), v["id"], "id of the session");
  for (const Json& stream : v["streams"]) {
    const auto number = stream["number"].get<std::uint64_t>();
    const auto of_client = hyperdht::StreamKeys::derive(client, number);
    const auto of_server = hyperdht::StreamKeys::derive(server, number);
    const std::string label = "hsfwd stream " + std::to_string(number);
    for (const auto* side : {&of_client, &of_server}) {
      const bool first = side == &of_client;
      const auto& session = side->session;
      expect(session.initiator == first, "role");
      expect_bytes((first ? session.tx : session.rx).view(), v["keys"][label + " initiator"],
                   "key");
      expect_bytes((first ? session.rx : session.tx).view(), v["keys"][label + " responder"],
                   "key");
      expect_bytes(session.hash.view(), stream["hash"], "hash");
      expect((first ? side->local : side->remote).value == stream["initiatorId"], "initiator's id");
      expect((first ? side->remote : side->local).value == stream["responderId"], "responder's id");
    }
  }
  for (const Json& one : v["control"]) check_control(one);
  for (const Json& one : v["wrongControl"]) {
    expect(!hyperdht::SessionMessage::decode(bytes_of(one)), "takes a wrong control message");
  }
  expect(hyperdht::SessionMessage::decode(bytes_of(v["later"])).ok(), "refuses a later kind");
  check_challenge(v["challenge"]);
}

void check_udp_session(const Json& v) {
  check_packet_session(v);
  check_beside(v, "initiator");
  check_beside(v, "responder");
  check_cut(v["whole"]["initiator"][2], v["packets"]["initiator"][2], v["packets"]["initiator"][3]);
}

void check_ends(const Json& v) {
  noise::Session from{.tx = crypto::Key32::from(bytes_of(v["tx"])),
                      .rx = {},
                      .hash = {},
                      .exporter = {},
                      .remote = {},
                      .initiator = true};
  noise::Session to = from;
  std::swap(to.tx, to.rx);
  to.initiator = false;
  BufferPool pool(65600, 4);
  Sender sender(from, fixed_of<crypto::StreamHeader>(v["header"]));
  const auto receiver = [&] {
    auto out = std::make_unique<Receiver>(to, pool, EndMark::kSealed);
    expect(out->feed(sender.header_frame()).ok(), "header is refused");
    return out;
  };
  const auto whole = receiver();
  for (const Json& frame : v["frames"]) {
    expect(!whole->ended(), "ends too early");
    expect(whole->feed(bytes_of(frame)).ok(), "frame is refused");
  }
  expect(whole->ended(), "does not end");
  expect_bytes(whole->peek(), v["plaintext"], "plaintext");
  expect(!whole->feed(bytes_of(v["behindTheEnd"])), "takes what is behind the end");
  expect(!receiver()->feed(bytes_of(v["finalWithContent"])), "takes an end with content");

  for (std::size_t i = 0; i + 1 < v["frames"].size(); ++i) {
    const Bytes plaintext = i == 0 ? bytes_of(v["plaintext"]) : Bytes();
    Bytes frame(plaintext.size() + kFrameOverhead);
    copy_bytes(plaintext, MutableBytes(frame).subspan(kPlaintextOffset));
    sender.seal(frame);
    expect_bytes(frame, v["frames"][i], "frame");
  }
  expect_bytes(sender.end_frame(), v["frames"].back(), "end");
}

}  // namespace

void check_hsfwd_peers(const Json& v) {
  if (v["name"] == "session") {
    check_session(v);
  } else if (v["name"] == "packets") {
    check_packet_session(v);
  } else if (v["name"] == "ip packets") {
    check_ip_session(v);
  } else if (v["name"] == "sessions") {
    check_sessions(v);
  } else if (v["name"] == "udp flows") {
    check_udp_session(v);
  } else if (v["name"] == "ends") {
    check_ends(v);
  } else {
    throw Unknown(v["name"]);
  }
}

}  // namespace hsfwd::vectors
