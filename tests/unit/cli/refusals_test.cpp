// SPDX-License-Identifier: Apache-2.0
#include "cli/refusals.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

class RefusalLines final : public LogSink {
 public:
  void write(LogLevel level, std::string_view component, std::string_view message) override {
    CHECK(level == LogLevel::kWarning);
    components.emplace_back(component);
    lines.emplace_back(message);
  }
  std::vector<std::string> lines;
  std::vector<std::string> components;  // of each
};

PublicKey stranger(std::uint8_t n) {
  PublicKey key;
  key.bytes[0] = n;
  return key;
}

}  // namespace

TEST_CASE("who is refused is told once a minute, and a crowd by its number") {
  Scheduler scheduler;
  RefusalLines sink;
  const Log log(sink, LogLevel::kWarning);
  const PeerNames nobody;
  Refusals refusals(scheduler, log, nobody);
  for (int i = 0; i < 15; ++i) refusals.add("expose", stranger(1));
  REQUIRE(sink.lines.size() == 1);
  CHECK(sink.lines[0] == "refused " + hyperdht::key_text(stranger(1)));
  refusals.add("expose", stranger(2));
  CHECK(sink.lines.size() == 2);

  scheduler.advance_to(scheduler.now() + 1_min);
  CHECK(sink.lines.size() == 2);
  for (int i = 0; i < 10; ++i) refusals.add("expose", stranger(1));
  CHECK(sink.lines.size() == 3);

  for (std::uint8_t n = 2; n < 202; ++n) refusals.add("expose", stranger(n));
  CHECK(sink.lines.size() == 3 + 19);
  scheduler.advance_to(scheduler.now() + 1_min);
  REQUIRE(sink.lines.size() == 3 + 20);
  CHECK(sink.lines.back() == "refused 181 more attempts by other keys");
  scheduler.advance_to(scheduler.now() + 10_min);
  CHECK(sink.lines.size() == 3 + 20);
}

TEST_CASE("connections above the limits are told once a minute, with their number") {
  Scheduler scheduler;
  RefusalLines sink;
  const Log log(sink, LogLevel::kWarning);
  const PeerNames nobody;
  Refusals refusals(scheduler, log, nobody);
  for (int i = 0; i < 500; ++i) refusals.add_excess("expose", "too many connections (2)");
  REQUIRE(sink.lines.size() == 1);
  CHECK(sink.lines[0] == "refused a connection: too many connections (2)");
  scheduler.advance_to(scheduler.now() + 1_min);
  REQUIRE(sink.lines.size() == 2);
  CHECK(sink.lines[1] == "refused 499 more connections above the limits");
  scheduler.advance_to(scheduler.now() + 10_min);
  CHECK(sink.lines.size() == 2);
  refusals.add_excess("expose", "too many connections (2)");
  CHECK(sink.lines.size() == 3);
}

TEST_CASE("a refusal is told by who refuses, and what follows of it as well") {
  Scheduler scheduler;
  RefusalLines sink;
  const Log log(sink, LogLevel::kWarning);
  const PeerNames nobody;
  Refusals refusals(scheduler, log, nobody);
  refusals.add("expose", stranger(1));
  for (std::uint8_t n = 2; n < 22; ++n) refusals.add("tun", stranger(n));
  REQUIRE(sink.components.size() == 20);
  CHECK(sink.components.front() == "expose");
  CHECK(sink.components.back() == "tun");
  refusals.add_excess("tun", "too many connections (2)");
  refusals.add_excess("tun", "too many connections (2)");
  scheduler.advance_to(scheduler.now() + 1_min);
  REQUIRE(sink.components.size() == 23);
  for (std::size_t i = 20; i < 23; ++i) CHECK(sink.components[i] == "tun");
}

TEST_CASE(
    "what local clients ask for in vain is told once a minute each, and a crowd by its number") {
  Scheduler scheduler;
  RefusalLines sink;
  const Log log(sink, LogLevel::kWarning);
  const PeerNames nobody;
  Refusals refusals(scheduler, log, nobody);
  CHECK(refusals.add_request("socks", "a.example:80: home does not permit it"));
  CHECK(!refusals.add_request("socks", "a.example:80: home does not permit it"));
  REQUIRE(sink.lines.size() == 1);
  CHECK(sink.lines[0] == "refused a.example:80: home does not permit it");
  for (int i = 0; i < 100; ++i) refusals.add_request("socks", std::to_string(i));
  CHECK(sink.lines.size() == 20);
  scheduler.advance_to(scheduler.now() + 1_min);
  REQUIRE(sink.lines.size() == 21);
  CHECK(sink.lines.back() == "refused 81 more requests");
  CHECK(refusals.add_request("socks", "a.example:80: home does not permit it"));
  scheduler.advance_to(scheduler.now() + 1_min);
  CHECK(sink.lines.size() == 22);
}
