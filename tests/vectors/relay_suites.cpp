// SPDX-License-Identifier: Apache-2.0
// Protomux and the blind relay's protocol on it.
#include "hyperdht/relay/relay_client.hpp"
#include "hyperdht/relay/relay_server.hpp"
#include "hyperdht/wire/messages.hpp"
#include "runner.hpp"
#include "sim/random.hpp"
#include "udx/mux.hpp"

namespace hsfwd::vectors {

namespace {

using secret_stream::Channel;
using secret_stream::ChannelObserver;
using secret_stream::Protomux;

/// One end of a connection, and everything it has sent.
struct MuxEnd {
  Protomux mux{[this](ByteView frame) { sent.push_back(to_bytes(frame)); }};
  std::vector<Bytes> sent;
  std::size_t delivered = 0;

  void deliver_to(MuxEnd& other) {
    while (delivered < sent.size()) {
      expect(other.mux.feed(Bytes(sent[delivered++])).ok(), "a frame breaks the connection");
    }
  }
};

void exchange(MuxEnd& a, MuxEnd& b) {
  while (a.delivered < a.sent.size() || b.delivered < b.sent.size()) {
    a.deliver_to(b);
    b.deliver_to(a);
  }
}

void expect_sent(const MuxEnd& end, const Json& frames, const std::string& who) {
  Json got = Json::array();
  for (const Bytes& frame : end.sent) got.push_back(to_hex(frame));
  expect(got == frames, who + " sends " + got.dump());
}

/// Writes its events down in the words of the vectors.
struct Named : ChannelObserver {
  Named(Json& e, std::string n) : events(e), name(std::move(n)) {}
  void on_open() override { events.push_back(name + " open"); }
  bool on_message(std::uint64_t type, ByteView payload) override {
    codec::Reader reader(payload);
    if (type == 0) {
      events.push_back(name + " string " + std::string(reader.string()));
    } else {
      events.push_back(name + " uint " + std::to_string(reader.uint()));
    }
    return reader.ok();
  }
  void on_closed() override { events.push_back(name + " close remote=true"); }

  Json& events;
  const std::string name;
};

Bytes text_message(const std::string& text) {
  return codec::encode([&](codec::Writer& w) { w.string(text); });
}
Bytes number_message(std::uint64_t number) {
  return codec::encode([&](codec::Writer& w) { w.uint(number); });
}

/// Only the events of one side: how those of two sides interleave is up to the network.
Json of_side(const Json& events, char side) {
  Json out = Json::array();
  for (const Json& event : events) {
    if (event.get<std::string>()[0] == side) out.push_back(event);
  }
  return out;
}

void check_mux_session(const Json& v) {
  const Json& in = v["inputs"];
  const std::string protocol = in["protocol"];
  const Bytes id = maybe_bytes(in["id"]).value_or(Bytes());
  Json events = Json::array();
  Named at_a(events, "A"), at_a2(events, "A2"), at_b(events, "B");
  MuxEnd a, b;
  std::unique_ptr<Channel> accepted;
  b.mux.set_on_incoming([&](std::string_view name, ByteView asked) {
    if (name == protocol && equal(asked, id)) accepted = b.mux.open(name, asked, at_b);
  });
  auto channel = a.mux.open(protocol, id, at_a);
  channel->send(0, text_message(in["text"]));
  channel->send(1, number_message(in["num"]));
  exchange(a, b);
  a.mux.cork();
  channel->send(0, text_message("b1"));
  channel->send(1, number_message(1));
  a.mux.uncork();
  exchange(a, b);
  events.push_back("A close remote=false");
  channel.reset();
  exchange(a, b);
  const auto refused = a.mux.open("nope", {}, at_a2);
  exchange(a, b);
  expect_sent(a, v["A_sends"], "A");
  expect_sent(b, v["B_sends"], "B");
  for (const char side : {'A', 'B'}) {
    expect(of_side(events, side) == of_side(v["events"], side), "other events: " + events.dump());
  }
}

struct Collector : ChannelObserver {
  Collector(Json& d, std::string n) : delivered(d), name(std::move(n)) {}
  bool on_message(std::uint64_t, ByteView payload) override {
    delivered.push_back(name + " " + to_hex(payload));
    return true;
  }
  void on_closed() override {}

  Json& delivered;
  const std::string name;
};

void check_mux_batch(const Json& v) {
  Json delivered = Json::array();
  MuxEnd a, b;
  std::vector<std::unique_ptr<Collector>> observers;
  std::vector<std::unique_ptr<Channel>> ours, theirs;
  for (const Json& one : v["inputs"]["channels"]) {
    for (int i = 0; i < 2; ++i) {
      observers.push_back(std::make_unique<Collector>(delivered, one["protocol"]));
    }
    ours.push_back(
        a.mux.open(one["protocol"].get<std::string>(), {}, *observers[observers.size() - 1]));
    theirs.push_back(
        b.mux.open(one["protocol"].get<std::string>(), {}, *observers[observers.size() - 2]));
  }
  expect_sent(a, v["opens"], "A");
  exchange(a, b);
  a.mux.cork();
  for (const Json& message : v["inputs"]["messages_in_order"]) {
    ours[message["channel"].get<std::size_t>() - 1]->send(message["type"],
                                                          bytes_of(message["payload"]));
  }
  a.mux.uncork();
  expect_bytes(a.sent.back(), v["batch_frame"], "batch");
  exchange(a, b);
  expect(delivered == v["delivered"], "delivers " + delivered.dump());
}

}  // namespace

void check_protomux(const Json& v) {
  if (v.contains("batch_frame")) {
    check_mux_batch(v);
  } else if (v.contains("A_sends")) {
    check_mux_session(v);
  } else {
    throw Unknown(v["name"]);
  }
}

namespace {

using namespace hyperdht;

void check_relay_encodings(const Json& v) {
  for (const Json& one : v["cases"]) {
    const Json& in = one["inputs"];
    const PairMessage pair{.initiator = in["isInitiator"],
                           .token = fixed_of<RelayToken>(in["token"]),
                           .id = {in["id"].get<std::uint32_t>()},
                           .seq = in["seq"]};
    expect_bytes(pair.encode(), one["pair"], "pair");
    const auto read = PairMessage::decode(bytes_of(one["pair"]));
    expect(read && read->initiator == pair.initiator && read->token == pair.token &&
               read->id == pair.id && read->seq == pair.seq,
           "pair reads back as another");
    expect_bytes(UnpairMessage{pair.token}.encode(), one["unpair"], "unpair");
    const auto unpair = UnpairMessage::decode(bytes_of(one["unpair"]));
    expect(unpair && unpair->token == pair.token, "unpair reads back as another");
  }
}

/// A client of the vectors with its connection to the relay.
struct RelayPeer : PairingObserver {
  RelayPeer(RelayServer& server, const Json& peer)
      : id{peer["udx_id"].get<std::uint32_t>()},
        session(server, relay.mux, fixed_of<crypto::PublicKey>(peer["channel_id"]), {}, [] {}),
        client(own.mux, fixed_of<crypto::PublicKey>(peer["channel_id"]), [] {}) {}
  void on_paired(udx::StreamId leg) override { result = leg; }
  void on_pairing_failed() override { throw Mismatch("a pairing fails"); }
  void pair(bool initiator, const RelayToken& token) {
    expect(client.pair(initiator, token, id, *this).ok(), "pairing is refused");
    exchange(own, relay);
  }

  const udx::StreamId id;
  MuxEnd own, relay;
  RelaySession session;
  RelayClient client;
  std::optional<udx::StreamId> result;
};

void check_relay_session(const Json& v) {
  const Json& in = v["inputs"];
  Scheduler scheduler;
  sim::SeededRandom random(1);
  udx::Mux mux(scheduler, random);
  std::vector<std::uint32_t> leg_ids = in["relay_leg_ids_in_creation_order"];
  RelayServer server(
      scheduler,
      [&](udx::RelayLegObserver& observer) {
        expect(!leg_ids.empty(), "more legs than sides");
        const udx::StreamId id{leg_ids.front()};
        leg_ids.erase(leg_ids.begin());
        return mux.create_leg(id, observer);
      },
      [](net::UdpSocket&) { return nullptr; }, RelayLimits());
  const auto token = fixed_of<RelayToken>(in["token"]);
  RelayPeer initiator(server, in["initiator"]), responder(server, in["responder"]);
  initiator.pair(true, token);
  responder.pair(false, token);
  exchange(initiator.own, initiator.relay);
  for (const Json& result : v["results"]) {
    const RelayPeer& peer = result["client"] == "initiator" ? initiator : responder;
    expect(peer.result && peer.result->value == result["relay_stream_id"], "other leg");
  }
  initiator.client.unpair(token);
  exchange(initiator.own, initiator.relay);
  expect_sent(initiator.own, v["initiator_client_sends"], "the initiator");
  expect_sent(initiator.relay, v["relay_to_initiator"], "the relay to the initiator");
  expect_sent(responder.own, v["responder_client_sends"], "the responder");
  expect_sent(responder.relay, v["relay_to_responder"], "the relay to the responder");
  expect(mux.streams() == 0, "unpair leaves legs");
  scheduler.collect();
}

void check_relay_payload(const Json& v) {
  const Json& in = v["inputs"];
  NoisePayload payload;
  payload.udx = UdxInfo{.id = in["udx"]["id"]};
  payload.secret_stream = 1;
  payload.relay_through =
      RelayThroughInfo{.public_key = fixed_of<crypto::PublicKey>(in["relayThrough"]["publicKey"]),
                       .token = fixed_of<RelayToken>(in["relayThrough"]["token"])};
  expect_bytes(payload.encode(), v["encoded"], "payload");
  const auto read = NoisePayload::decode(bytes_of(v["encoded"]));
  expect(read && read->relay_through &&
             read->relay_through->public_key == payload.relay_through->public_key &&
             read->relay_through->token == payload.relay_through->token,
         "payload reads back as another");
}

}  // namespace

void check_blind_relay(const Json& v) {
  if (v.contains("cases")) {
    check_relay_encodings(v);
  } else if (v.contains("relay_to_initiator")) {
    check_relay_session(v);
  } else if (v.contains("encoded")) {
    check_relay_payload(v);
  } else {
    throw Unknown(v["name"]);
  }
}

}  // namespace hsfwd::vectors
