// SPDX-License-Identifier: Apache-2.0
#include "cli/session_texts.hpp"
#include "cli/events/answers.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "cli/rates.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

TEST_CASE("the last error of a session has its age, and whether it is over") {
  const auto said = [](const events::SessionState& session) {
    return session_notes(session).back();
  };
  events::SessionState session{};
  session.last_error = "the peer stopped answering";
  // An earlier hsfwd, which says no time.
  CHECK(said(session) == "last error: the peer stopped answering");
  session.last_error_seconds = 5;
  CHECK(said(session) == "last error 5 s ago: the peer stopped answering");
  session.last_error_seconds = 180;
  session.last_error_over = true;
  CHECK(said(session) == "last error 3 min 0 s ago, over since: the peer stopped answering");
}

namespace {

events::SessionState session_of(const std::string& name, std::uint64_t rate) {
  events::SessionState out{};
  out.direction = "out";
  out.name = name;
  out.services = {"web"};
  out.path = "relayed";
  out.remote = "203.0.113.200:49737";
  out.rtt_millis = 999.9;
  out.bytes_to_peer = out.bytes_from_peer = 999'900'000;
  out.rate_to_peer = out.rate_from_peer = rate;
  out.streams = 12;
  out.packets = 1000;
  out.packets_lost = out.packets_repeated = 999;
  out.seconds = 100'000;
  return out;
}

std::size_t widest(const std::string& text) {
  std::size_t out = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out = std::max(out, end - at);
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("sessions stand in the order of what matters: who is silent, who is busy, who is new") {
  auto fresh = session_of("fresh", 0);
  fresh.seconds = 1;
  auto silent = session_of("quiet", 0);
  silent.silent_seconds = 7;
  const std::string text =
      sessions_text({session_of("old", 0), fresh, session_of("busy", 5), silent});
  const auto at = [&](const char* name) { return text.find(name); };
  CHECK(at("quiet") < at("busy"));
  CHECK(at("busy") < at("fresh"));
  CHECK(at("fresh") < at("old"));
  CHECK(at("old") != std::string::npos);
}

TEST_CASE("sessions and connections fit into 80 columns") {
  events::Peers peers{.connections = {}, .sessions = {session_of("office", 999'900)}};
  for (const std::optional<std::uint64_t> session : {std::optional<std::uint64_t>(0), {}}) {
    events::ConnectionState one{};
    one.id = 12345;
    one.direction = "out";
    one.key = std::string(52, 'k');
    one.service = "web";
    one.path = "relayed";
    one.remote = "203.0.113.200:49737";
    one.rtt_millis = 999.9;
    one.bytes_to_peer = one.bytes_from_peer = 999'900'000;
    one.rate_to_peer = one.rate_from_peer = 999'900;
    one.session = session;
    peers.connections.push_back(one);
  }
  const std::string text = connections_text(peers);
  CHECK(widest(text) <= 80);
  // The session, and the connection that is of none.
  CHECK(text.find("12345...") == std::string::npos);
  CHECK(text.find("\n12345  out") != text.rfind("\n12345  out"));
  CHECK(widest(sessions_text(peers.sessions)) <= 80);
}

TEST_CASE("rates are what two statuses differ in, of what is the same in both") {
  const auto entry = [](const char* listen, std::uint64_t to, std::uint64_t from) {
    return Json{{"listen", listen}, {"bytesToPeer", to}, {"bytesFromPeer", from}};
  };
  const Json before = {{"connects", {entry("a", 100, 50), entry("b", 10, 10)}}};
  Json now = {{"connects", {entry("b", 5, 10), entry("a", 300, 50), entry("c", 7, 7)}}};
  now["connects"].push_back(entry("d", 1, 1));
  now["connects"][3]["rateToPeer"] = 99U;
  Json with_d = before;
  with_d["connects"].push_back(entry("d", 0, 0));
  add_rates(now, with_d, 2);
  CHECK(!now["connects"][0].contains("rateToPeer"));  // it began anew
  CHECK(now["connects"][0]["rateFromPeer"] == 0);
  CHECK(now["connects"][1]["rateToPeer"] == 100);
  CHECK(now["connects"][1]["rateFromPeer"] == 0);
  CHECK(!now["connects"][2].contains("rateToPeer"));
  CHECK(now["connects"][3]["rateToPeer"] == 99);  // as it says itself
  const Traffic all = traffic_of(now["connects"]);
  CHECK(all.bytes_to_peer == 313);
  CHECK(*all.rate_to_peer == 199);
  CHECK(rates_text(all.rate_to_peer, {}) == "199 B/s to the peer, 0 B/s from it");
  CHECK(rates_text(0, {}).empty());
}

TEST_CASE("what is no status has no rates") {
  for (const char* text : {"{}", "[]", "null", R"({"a":[1,"x",{"bytesToPeer":"1"}]})",
                           R"({"a":{"b":[{"bytesToPeer":-1}]}})"}) {
    Json json = Json::parse(text);
    const Json before = Json::parse(R"({"a":[{"bytesToPeer":1}]})");
    add_rates(json, before, 1);
    add_rates(json, json, 0);
    CHECK(json == Json::parse(text));
    CHECK(traffic_of(json).bytes_to_peer == 0);
  }
}
