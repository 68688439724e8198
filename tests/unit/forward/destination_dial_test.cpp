// SPDX-License-Identifier: Apache-2.0
#include "forward/destination_dial.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <memory>

#include "dialled.hpp"
#include "forward/service_host.hpp"
#include "forward/timed_lookup.hpp"
#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;
using Catch::Matchers::Contains;

namespace {

struct Served {
  Served()
      : host(scheduler, streams, {}, [this](const ClosedConnection& c) { closed.push_back(c); }) {
    scheduler.freeze(Instant::from_micros(1'000'000));
  }
  void serve(const std::string& name) {
    host.serve_destination(ids.take(), std::make_unique<ScriptedPeer>(peer),
                           *Destination::of(name, 443), names,
                           {.reach = [this](net::Ipv4 address) { return address == allowed; },
                            .know_name = [this] { return knows; }});
    run();
  }
  void run(Duration time = 1_ms) { scheduler.advance_to(scheduler.now() + time); }
  DestinationAnswer answer() const {
    REQUIRE(peer.written.size() == 1);
    return destination_answer(peer.written[0]);
  }

  Admission admission;
  Scheduler scheduler;
  Names names{scheduler};
  Services streams;
  ConnectionIds ids;
  Script peer;
  net::Ipv4 allowed = net::Ipv4::of(10, 0, 0, 1);
  bool knows = true;
  std::vector<ClosedConnection> closed;
  ServiceHost host;
};

}  // namespace

TEST_CASE("a destination is dialled, and the peer is told before it gets the first byte") {
  Served s;
  s.serve("10.0.0.1");
  REQUIRE(s.streams.dialled.size() == 1);
  CHECK(s.streams.dialled[0].to == "10.0.0.1:443");
  CHECK(s.peer.written.empty());
  Script local;
  local.incoming = {'h', 'i'};
  (*s.streams.dialled[0].done)(
      std::unique_ptr<net::ByteStream>(std::make_unique<LocalStream>(local)));
  s.run();
  CHECK(s.peer.written == Bytes{0, 'h', 'i'});
  s.peer.arrive(Bytes{'x'});
  CHECK(local.written == Bytes{'x'});
  const auto listed = s.host.list();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].service == "tcp:10.0.0.1:443");
  CHECK(listed[0].destination == Destination::of("10.0.0.1", 443));
  CHECK(listed[0].address == net::Ipv4::of(10, 0, 0, 1));
  // Other services are no reason to end it.
  s.host.set_services({}, "changed");
  CHECK(s.host.list().size() == 1);
}

TEST_CASE("the address that a name has is asked for permission, and that very one is dialled") {
  Served s;
  s.names.known["nas.lan"] = {10, 0, 0, 1};
  s.serve("nas.lan");
  REQUIRE(s.streams.dialled.size() == 1);
  CHECK(s.streams.dialled[0].to == "10.0.0.1:443");
  CHECK(s.names.asked == 1);
}

TEST_CASE(
    "a name that leads where the policy does not is not dialled, and the peer learns no address") {
  Served s;
  s.names.known["nas.lan"] = {127, 0, 0, 1};
  s.serve("nas.lan");
  CHECK(s.streams.dialled.empty());
  CHECK(s.answer() == DestinationAnswer::kNotAllowed);
  CHECK(s.peer.reset_behind == "destination nas.lan:443: not allowed");
  REQUIRE(s.closed.size() == 1);
  CHECK_THAT(s.closed[0].reason, Contains("127.0.0.1"));
}

TEST_CASE("why a destination is not reached is told as SOCKS tells it, and no more") {
  const auto answer_to = [](const std::string& error) {
    Served s;
    s.serve("10.0.0.1");
    (*s.streams.dialled.at(0).done)(Err(std::string(error)));
    s.run();
    CHECK(s.host.list().empty());
    REQUIRE(s.closed.size() == 1);
    CHECK_THAT(s.closed[0].reason, Contains(error));
    CHECK(s.closed[0].cause == Cause::kService);
    return s.answer();
  };
  CHECK(answer_to(net::StreamFactory::kRefused) == DestinationAnswer::kRefused);
  CHECK(answer_to(net::StreamFactory::kTimedOut) == DestinationAnswer::kTimedOut);
  CHECK(answer_to(net::StreamFactory::kNetworkUnreachable) ==
        DestinationAnswer::kNetworkUnreachable);
  CHECK(answer_to("No route to host") == DestinationAnswer::kHostUnreachable);
  Served unknown;
  unknown.serve("nobody.lan");
  CHECK(unknown.answer() == DestinationAnswer::kHostUnreachable);
}

TEST_CASE("whether there is a name learns only who has a rule for it") {
  for (const bool silent : {false, true}) {
    for (const std::string name : {"nas.lan", "nobody.lan"}) {
      CAPTURE(silent, name);
      Served s;
      s.knows = false;
      s.names.silent = silent;
      s.names.known["nas.lan"] = {10, 0, 0, 2};
      s.serve(name);
      s.run(TimedLookup::kTime);
      CHECK(s.answer() == DestinationAnswer::kNotAllowed);
      CHECK(s.peer.reset_behind == "destination " + name + ":443: not allowed");
    }
  }
}

TEST_CASE("a name that nobody resolves is waited for no longer than ten seconds") {
  Served s;
  s.names.silent = true;
  s.serve("slow.lan");
  s.run(TimedLookup::kTime - 2_ms);
  CHECK(s.peer.written.empty());
  s.run(2_ms);
  CHECK(s.answer() == DestinationAnswer::kTimedOut);
}

TEST_CASE("what is taken away while a name is looked up is not reached") {
  Served s;
  s.names.known["nas.lan"] = {10, 0, 0, 1};
  s.host.serve_destination(s.ids.take(), std::make_unique<ScriptedPeer>(s.peer),
                           *Destination::of("nas.lan", 443), s.names,
                           {.reach = [&](net::Ipv4 address) { return address == s.allowed; },
                            .know_name = [] { return true; }});
  s.allowed = net::Ipv4::of(10, 0, 0, 2);
  s.run();
  CHECK(s.answer() == DestinationAnswer::kNotAllowed);
  CHECK(s.streams.dialled.empty());
  // A connection without an address may end as well.
  s.names.silent = true;
  Script other;
  s.host.serve_destination(
      s.ids.take(), std::make_unique<ScriptedPeer>(other), *Destination::of("nas.lan", 443),
      s.names, {.reach = [](net::Ipv4) { return true; }, .know_name = [] { return true; }});
  s.host.end_connections([](const OpenConnection& one) { return one.destination && !one.address; },
                         "changed");
  CHECK(other.was_reset);
  CHECK(s.host.list().empty());
  s.run(TimedLookup::kTime);
  CHECK(s.closed.size() == 2);
}

TEST_CASE(
    "names are looked up thirty-two at a time, twenty-four of one key, and addresses need no place "
    "among them") {
  Served s;
  s.names.silent = true;
  ServiceHost other(s.scheduler, s.streams, {}, [](const ClosedConnection&) {});
  std::deque<Script> peers;
  const auto serve = [&](ServiceHost& host, std::uint8_t key, const std::string& name) -> Script& {
    Script& peer = peers.emplace_back();
    peer.key = key;
    auto stream = std::make_unique<ScriptedPeer>(peer);
    auto ticket = s.admission.admit(stream->remote_key());
    REQUIRE(ticket.ok());
    host.serve_destination(
        s.ids.take(), std::move(stream), *Destination::of(name, 443), s.names,
        {.reach = [](net::Ipv4) { return true; }, .know_name = [] { return true; }},
        std::move(*ticket));
    return peer;
  };
  for (int i = 0; i < 24; ++i)
    CHECK(serve(i % 2 == 0 ? s.host : other, 1, "slow.lan").written.empty());
  CHECK(serve(s.host, 1, "slow.lan").written == Bytes{1});
  for (int i = 0; i < 8; ++i) CHECK(serve(other, 2, "slow.lan").written.empty());
  CHECK(serve(other, 3, "slow.lan").written == Bytes{1});
  CHECK(s.names.asked == 32);
  CHECK(serve(s.host, 1, "10.0.0.1").written.empty());
  s.run();
  CHECK(s.streams.dialled.size() == 1);
  // Those that are over make room, and those whose names are known.
  s.run(TimedLookup::kTime);
  s.names.silent = false;
  s.names.known["nas.lan"] = {10, 0, 0, 1};
  for (int i = 0; i < 30; ++i) {
    CHECK(serve(s.host, 1, "nas.lan").written.empty());
    s.run();
  }
  CHECK(s.streams.dialled.size() == 31);
}

TEST_CASE("a peer whose answer finds no room is not joined, since bytes would be taken for one") {
  Served s;
  s.peer.room = 0;
  s.serve("10.0.0.1");
  Script local;
  local.incoming = {0, 'h', 'i'};
  (*s.streams.dialled.at(0).done)(
      std::unique_ptr<net::ByteStream>(std::make_unique<LocalStream>(local)));
  s.run();
  CHECK(s.peer.was_reset);
  CHECK(s.peer.written.empty());
  CHECK(s.host.list().empty());
  REQUIRE(s.closed.size() == 1);
  CHECK(s.closed[0].reason == "no room for an answer");
}

TEST_CASE("a peer that finds no room for a refusal is given up at once") {
  Served s;
  s.peer.room = 0;
  s.serve("10.0.0.2");
  CHECK(s.peer.was_reset);
  CHECK(!s.peer.reset_behind);
}

TEST_CASE(
    "a peer that leaves ends the look-up and the dial, and a peer that was refused gets nothing "
    "more") {
  Served s;
  s.serve("10.0.0.1");
  s.peer.observer->on_reset("gone");
  s.run();
  CHECK(s.host.list().empty());
  CHECK(!*s.streams.dialled.at(0).done);
  Script other;
  s.host.refuse_destination(std::make_unique<ScriptedPeer>(other), *Destination::of("10.0.0.2", 1));
  CHECK(other.written == Bytes{2});
  CHECK(other.reset_behind == "destination 10.0.0.2:1: not allowed");
  // One that does not acknowledge that is given up.
  s.run(10_s);
  CHECK(other.was_reset);
}
