// SPDX-License-Identifier: Apache-2.0
// Keys, hashes, signatures, the Noise handshake, sealed payloads and encrypted streams.
#include "hyperdht/wire/secure_payload.hpp"
#include "hyperdht/wire/signatures.hpp"
#include "runner.hpp"
#include "secret_stream/framing.hpp"
#include "secret_stream/unordered.hpp"
#include "sim/random.hpp"

namespace hsfwd::vectors {

namespace {

using crypto::KeyPair;

KeyPair keys_of(const Json& seed) {
  return KeyPair::from_seed(crypto::Seed::from(bytes_of(seed)));
}

void check_handshake(const Json& v) {
  const KeyPair initiator_static = keys_of(v["initiatorStaticSeed"]);
  const KeyPair initiator_ephemeral = keys_of(v["initiatorEphemeralSeed"]);
  const KeyPair responder_static = keys_of(v["responderStaticSeed"]);
  const KeyPair responder_ephemeral = keys_of(v["responderEphemeralSeed"]);
  const Bytes prologue = bytes_of(v["prologue"]);
  expect_bytes(responder_static.public_key.view(), v["responderStaticPublicKey"], "public key");

  const noise::SymmetricState start(prologue, responder_static.public_key);
  expect_bytes(start.hash().view(), v["hashAfterInitialise"], "hash at the start");
  noise::SymmetricState mixed = start;
  for (const Json& mix : v["mixKeys"]) {
    mixed.mix_key(crypto::Key32::from(bytes_of(mix["dh"])));
    expect_bytes(mixed.chaining_key().view(), mix["chainingKey"], "chaining key");
    expect_bytes(mixed.key().view(), mix["key"], "cipher key");
  }

  noise::Initiator initiator(initiator_static, responder_static.public_key, prologue);
  const auto message1 = initiator.write_message1(initiator_ephemeral, bytes_of(v["payload1"]));
  expect(message1.ok(), "message 1 is not written");
  expect_bytes(*message1, v["message1"], "message 1");
  noise::Responder responder(responder_static, prologue);
  const auto payload1 = responder.read_message1(*message1);
  expect(payload1.ok(), "message 1 does not open");
  expect_bytes(*payload1, v["payload1"], "payload 1");
  expect(responder.remote_key() == initiator_static.public_key, "other client key");
  expect_bytes(responder.state().hash().view(), v["hashAfterMessage1"], "hash after message 1");
  const auto answer = responder.write_message2(responder_ephemeral, bytes_of(v["payload2"]));
  expect(answer.ok(), "message 2 is not written");
  expect_bytes(answer->message, v["message2"], "message 2");
  const auto opened = initiator.read_message2(answer->message);
  expect(opened.ok(), "message 2 does not open");
  expect_bytes(opened->payload, v["payload2"], "payload 2");

  expect_bytes(opened->session.hash.view(), v["handshakeHash"], "handshake hash");
  expect_bytes(opened->session.tx.view(), v["initiatorTx"], "tx");
  expect_bytes(opened->session.rx.view(), v["initiatorRx"], "rx");
  expect_bytes(answer->session.tx.view(), v["initiatorRx"], "the responder's tx");
  expect_bytes(answer->session.rx.view(), v["initiatorTx"], "the responder's rx");
  const crypto::Hash64& hash = answer->session.hash;
  expect_bytes(hyperdht::SecurePayload::shared_key(hash).view(), v["holepunchSecret"],
               "holepunch secret");
  expect_bytes(secret_stream::stream_id(hash, true).view(), v["initiatorStreamId"],
               "initiator's stream id");
  expect_bytes(secret_stream::stream_id(hash, false).view(), v["responderStreamId"],
               "responder's stream id");
}

}  // namespace

void check_noise(const Json& v) {
  const std::string op = v["op"];
  if (op == "dh") {
    const auto shared = crypto::ed25519_dh(keys_of(v["localSeed"]),
                                           fixed_of<crypto::PublicKey>(v["remotePublicKey"]));
    expect(shared.ok(), "is refused");
    expect_bytes(shared->view(), v["shared"], "shared");
    const KeyPair local = keys_of(v["localSeed"]);
    expect_bytes(local.public_key.view(), v["localPublicKey"], "public key");
  } else if (op == "dh-reject") {
    expect(!crypto::ed25519_dh(keys_of(v["localSeed"]),
                               fixed_of<crypto::PublicKey>(v["remotePublicKey"])),
           "is accepted");
  } else if (op == "hkdf") {
    const auto out = noise::hkdf(bytes_of(v["salt"]), bytes_of(v["ikm"]));
    expect_bytes(out.first.view(), v["out1"], "first output");
    expect_bytes(out.second.view(), v["out2"], "second output");
  } else if (op == "handshake") {
    check_handshake(v);
  } else if (op == "reject-message1") {
    noise::Responder responder(keys_of(v["responderStaticSeed"]), bytes_of(v["prologue"]));
    expect(!responder.read_message1(bytes_of(v["message1"])), "is accepted");
  } else {
    throw Unknown(v["op"]);
  }
}

void check_hyperdht_crypto(const Json& v) {
  using namespace hyperdht;
  const std::string op = v["op"];
  if (op == "namespace") {
    const auto index = static_cast<std::uint8_t>(v["id"].get<int>());
    expect_bytes(crypto::name_space(v["root"].get<std::string>(), index).view(), v["hex"],
                 "namespace");
  } else if (op == "keypair") {
    const KeyPair keys = keys_of(v["seed"]);
    expect_bytes(keys.public_key.view(), v["publicKey"], "public key");
    expect_bytes(keys.secret_key.view(), v["secretKey"], "secret key");
    expect_bytes(target_of_peer(keys.public_key).view(), v["target"], "target");
  } else if (op == "hash") {
    expect_bytes(crypto::blake2b_256(bytes_of(v["data"])).view(), v["hash"], "hash");
  } else if (op == "announce-signature") {
    const Command command = v["kind"] == "announce" ? Command::kAnnounce : Command::kUnannounce;
    const KeyPair keys = keys_of(v["seed"]);
    AnnounceMessage message;
    message.peer = PeerRecord{.public_key = keys.public_key,
                              .relay_addresses = addresses_of(v["peer"]["relayAddresses"])};
    message.refresh = maybe_fixed<crypto::Hash32>(v["refresh"]);
    message.bump = v["bump"];
    const auto target = fixed_of<rpc::Target>(v["target"]);
    const auto node = fixed_of<rpc::NodeId>(v["nodeId"]);
    const auto token = fixed_of<rpc::Token>(v["token"]);
    expect_bytes(announce_signable(command, target, node, token, message), v["signable"],
                 "signable");
    message.signature = sign_announce(command, target, node, token, message, keys);
    expect_bytes(message.signature->view(), v["signature"], "signature");
    expect(verify_announce(command, target, node, token, message), "does not verify");
    expect_bytes(message.encode(), v["message"], "message");
    message.signature->bytes[0] ^= 1;
    expect(!verify_announce(command, target, node, token, message), "a forged one verifies");
  } else if (op == "mutable-signature") {
    const KeyPair keys = keys_of(v["seed"]);
    const std::uint64_t seq = v["seq"];
    const Bytes value = bytes_of(v["value"]);
    expect_bytes(mutable_signable(seq, value), v["signable"], "signable");
    const MutableValue signed_value{
        .seq = seq, .value = value, .signature = sign_mutable(seq, value, keys)};
    expect_bytes(signed_value.signature.view(), v["signature"], "signature");
    expect(verify_mutable(signed_value, keys.public_key), "does not verify");
    expect_bytes(signed_value.encode(), v["get"], "get reply");
    const MutablePut put{.public_key = keys.public_key, .content = signed_value};
    expect_bytes(put.encode(), v["put"], "put request");
  } else {
    throw Unknown(v["op"]);
  }
}

void check_secure_payload(const Json& v) {
  using namespace hyperdht;
  sim::SeededRandom random(1);
  const std::string op = v["op"];
  if (op == "token") {
    const SecurePayload payload({}, crypto::Key32::from(bytes_of(v["localSecret"])), random);
    const auto host = net::Ipv4::parse(v["host"].get<std::string>());
    expect_bytes(payload.token(*host).view(), v["token"], "token");
    return;
  }
  const SecurePayload payload(crypto::Key32::from(bytes_of(v["secret"])), {}, random);
  if (op == "seal") {
    crypto::BoxNonce nonce;
    copy_bytes(bytes_of(v["nonce"]), nonce);
    expect_bytes(payload.seal(nonce, bytes_of(v["plaintext"])), v["box"], "box");
    const auto opened = payload.open(bytes_of(v["box"]));
    expect(opened.ok(), "does not open");
    expect_bytes(opened->encode(), v["plaintext"], "plaintext");
  } else if (op == "open-reject") {
    expect(!payload.open(bytes_of(v["box"])), "opens");
  } else {
    throw Unknown(v["op"]);
  }
}

namespace {

using namespace secret_stream;

noise::Session session_of(const Json& inputs, bool initiator) {
  const auto tx = crypto::Key32::from(bytes_of(inputs["initiator_tx_key"]));
  const auto rx = inputs.contains("initiator_rx_key")
                      ? crypto::Key32::from(bytes_of(inputs["initiator_rx_key"]))
                      : crypto::Key32();
  return {.tx = initiator ? tx : rx,
          .rx = initiator ? rx : tx,
          .hash = fixed_of<crypto::Hash64>(inputs["handshake_hash"]),
          .exporter = {},
          .remote = {},
          .initiator = initiator};
}

/// One side's frames: written equal, and read back by the other side.
void check_frames(const Json& v, bool initiator) {
  const Json& inputs = v["inputs"];
  const Json& side = v[initiator ? "initiator" : "responder"];
  const auto header =
      fixed_of<crypto::StreamHeader>(inputs[initiator ? "initiator_header" : "responder_header"]);
  Sender sender(session_of(inputs, initiator), header);
  expect_bytes(sender.header_frame(), side["first_frame"], "first frame");
  BufferPool pool(65600, 4);
  Receiver receiver(session_of(inputs, !initiator), pool);
  expect(receiver.feed(bytes_of(side["first_frame"])).ok(), "first frame is refused");
  for (const Json& entry : side["frames"]) {
    const Bytes plaintext = bytes_of(entry["plaintext"]);
    Bytes frame(plaintext.size() + kFrameOverhead);
    copy_bytes(plaintext, MutableBytes(frame).subspan(kPlaintextOffset));
    sender.seal(frame);
    expect_bytes(frame, entry["frame"], "frame");
    // Byte by byte, as a raw stream may bring it.
    for (const std::uint8_t& byte : frame) {
      expect(receiver.feed({&byte, 1}).ok(), "frame is refused");
    }
    expect(equal(receiver.peek(), plaintext), "other plaintext");
    receiver.consume(plaintext.size());
  }
  if (!side.contains("unordered")) return;
  for (const Json& entry : side["unordered"]) {
    sim::SeededRandom random(1);
    Unordered unordered(session_of(inputs, !initiator), random);
    const Json& envelope = entry.contains("envelope") ? entry["envelope"] : entry["message"];
    const auto opened = unordered.open(bytes_of(envelope));
    expect(opened.ok(), "unordered message does not open");
    expect_bytes(*opened, entry["plaintext"], "unordered plaintext");
  }
}

void check_receive_case(const Json& inputs, const Json& one) {
  const std::string name = one["name"];
  BufferPool pool(65600, 4);
  Receiver receiver(session_of(inputs, false), pool);
  bool destroyed = false;
  Json delivered = Json::array();
  for (const Json& chunk : one["received_in_order"]) {
    destroyed = destroyed || !receiver.feed(bytes_of(chunk));
    while (!receiver.empty()) {
      delivered.push_back(to_hex(receiver.peek()));
      receiver.consume(receiver.peek().size());
    }
  }
  expect(delivered == one["delivered"], name + ": delivers " + delivered.dump());
  expect(destroyed == one["destroyed"].get<bool>(), name + ": destroyed or not");
}

void check_handover(const Json& v) {
  const Json& in = v["inputs"];
  noise::Initiator initiator(keys_of(in["initiator_seed"]),
                             keys_of(in["responder_seed"]).public_key, bytes_of(in["prologue"]));
  const auto message1 = initiator.write_message1(keys_of(in["initiator_ephemeral_seed"]),
                                                 bytes_of(in["initiator_payload"]));
  expect(message1.ok(), "message 1 is not written");
  expect_bytes(*message1, v["message1"], "message 1");
  const auto opened = initiator.read_message2(bytes_of(v["message2"]));
  expect(opened.ok(), "message 2 does not open");
  expect_bytes(opened->payload, in["responder_payload"], "payload 2");
  expect_bytes(opened->session.hash.view(), v["handshake_hash"], "handshake hash");
  expect_bytes(opened->session.tx.view(), v["initiator_tx"], "tx");
  expect_bytes(opened->session.rx.view(), v["initiator_rx"], "rx");
  expect_bytes(hyperdht::SecurePayload::shared_key(opened->session.hash).view(),
               v["holepunch_secret"], "holepunch secret");
  expect_bytes(stream_id(opened->session.hash, true).view(), v["stream_id_initiator"],
               "initiator's stream id");
  expect_bytes(stream_id(opened->session.hash, false).view(), v["stream_id_responder"],
               "responder's stream id");
}

}  // namespace

void check_secret_stream(const Json& v) {
  const std::string name = v["name"];
  if (name == "namespaces") {
    for (const auto& [label, value] : v["hyperswarm/secret-stream"].items()) {
      const auto index = static_cast<std::uint8_t>(label[label.find('(') + 1] - '0');
      expect_bytes(crypto::name_space("hyperswarm/secret-stream", index).view(), value, label);
    }
  } else if (name == "session") {
    const auto hash = fixed_of<crypto::Hash64>(v["inputs"]["handshake_hash"]);
    expect_bytes(stream_id(hash, true).view(), v["stream_id_initiator"], "initiator's id");
    expect_bytes(stream_id(hash, false).view(), v["stream_id_responder"], "responder's id");
    check_frames(v, true);
    check_frames(v, false);
  } else if (name == "receive-errors") {
    for (const Json& one : v["cases"]) check_receive_case(v["inputs"], one);
  } else if (name == "ik-handover") {
    check_handover(v);
  } else {
    throw Unknown(v["name"]);
  }
}

}  // namespace hsfwd::vectors
