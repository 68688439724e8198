// SPDX-License-Identifier: Apache-2.0
// Protomux and the blind relay's protocol on it.
#include <deque>

#include "runner.hpp"
#include "secret_stream/protomux.hpp"

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
    throw NotYet{};
  }
}

}  // namespace hsfwd::vectors
