// SPDX-License-Identifier: Apache-2.0
#include "cli/openmetrics.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/figures.hpp"
#include "cli/process_metrics.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Format = OpenMetrics::Format;

TEST_CASE("OpenMetrics: families together, counters with the end of their samples, and an end") {
  OpenMetrics text;
  text.counter("hsfwd_b", "Things", 3, {{"reason", "x"}});
  text.gauge("hsfwd_a", "How many", 7);
  text.counter("hsfwd_b", "Things", 4, {{"reason", "a"}});
  text.seconds(MetricKind::kGauge, "hsfwd_c_seconds", "How long", Duration::micros(1'000'020));
  CHECK(text.to_string(Format::kOpenMetrics) ==
        "# TYPE hsfwd_a gauge\n# HELP hsfwd_a How many\nhsfwd_a 7\n"
        "# TYPE hsfwd_b counter\n# HELP hsfwd_b Things\n"
        "hsfwd_b_total{reason=\"a\"} 4\nhsfwd_b_total{reason=\"x\"} 3\n"
        "# TYPE hsfwd_c_seconds gauge\n# HELP hsfwd_c_seconds How long\nhsfwd_c_seconds 1.000020\n"
        "# EOF\n");
  const std::string other = text.to_string(Format::kPrometheus);
  CHECK(other.find("# TYPE hsfwd_b_total counter\n") != std::string::npos);
  CHECK(other.find("EOF") == std::string::npos);
}

TEST_CASE("OpenMetrics: labels and helps say what they are, and no more") {
  OpenMetrics text;
  text.gauge("hsfwd_a", "a \"b\" \\ c\nd", 1,
             {{"listen", "unix:/\"x\\\n} 2\nhsfwd_b 3"}, {"n", "\xff\x1b"}});
  const std::string out = text.to_string(Format::kOpenMetrics);
  CHECK(out.find("# HELP hsfwd_a a \\\"b\\\" \\\\ c\\nd\n") != std::string::npos);
  CHECK(out.find("\nhsfwd_b") == std::string::npos);
  for (const char c : out) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  // Prometheus' own format leaves quotes in a help alone.
  CHECK(text.to_string(Format::kPrometheus).find("a \"b\" \\\\ c\\nd\n") != std::string::npos);
}

TEST_CASE("OpenMetrics: what cannot be told apart is one figure") {
  OpenMetrics text;
  text.counter("hsfwd_a", "Things", 1, {{"listen", "127.0.0.1:0"}});
  text.counter("hsfwd_a", "Things", 2, {{"listen", "127.0.0.1:0"}});
  CHECK(text.to_string(Format::kPrometheus).find("hsfwd_a_total{listen=\"127.0.0.1:0\"} 3\n") !=
        std::string::npos);
}

TEST_CASE("OpenMetrics: who asks for it gets it") {
  CHECK(OpenMetrics::wanted("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") ==
        Format::kOpenMetrics);
  CHECK(OpenMetrics::wanted("text/plain") == Format::kPrometheus);
  CHECK(OpenMetrics::wanted("") == Format::kPrometheus);
}

TEST_CASE("sessions with peers that come by themselves have no figures of their own") {
  SessionInfo known;
  known.id = 1;
  known.key.bytes[0] = 1;
  known.rtt = 20_ms;
  known.packets_sent = 5;
  SessionInfo stranger = known;
  stranger.id = 2;
  stranger.key.bytes[0] = 2;
  stranger.path = PathKind::kRelayed;
  SessionInfo next = known;  // takes over from the first
  next.id = 3;
  next.rtt = 30_ms;
  Figures figures;
  OpenMetrics text;
  for (MetricSink* sink : {static_cast<MetricSink*>(&figures), static_cast<MetricSink*>(&text)}) {
    SessionTally().collect(*sink, {known, stranger, next}, {{known.key, "home"}});
  }
  CHECK(figures.at("hsfwd_sessions_open", {{"path", "direct"}}) == 2);
  CHECK(figures.at("hsfwd_sessions_open", {{"path", "relayed"}}) == 1);
  const MetricLabels label = {{"peer", key_text(known.key)}};
  CHECK(figures.at("hsfwd_session_packets", label) == 10);
  CHECK(figures.at("hsfwd_session_rtt_seconds", label) == 30'000);
  CHECK(text.to_string(Format::kPrometheus).find(key_text(stranger.key)) == std::string::npos);
}

TEST_CASE("what sessions have counted stays when they end, as long as a tunnel leads to the peer") {
  SessionInfo one;
  one.id = 1;
  one.key.bytes[0] = 1;
  one.bytes_sent = 10;
  SessionInfo two = one;
  two.id = 2;
  two.bytes_sent = 3;
  const std::map<PublicKey, std::string> peers = {{one.key, "home"}};
  SessionTally tally;
  const auto sent = [&](const std::vector<SessionInfo>& sessions) {
    Figures figures;
    tally.collect(figures, sessions, peers);
    return figures.at("hsfwd_session_bytes", {{"direction", "to_peer"}});
  };
  CHECK(sent({one, two}) == 13);
  CHECK(sent({two}) == 13);
  two.bytes_sent = 5;
  CHECK(sent({two}) == 15);
  CHECK(sent({}) == 15);
  Figures other;
  tally.collect(other, {}, {});
  CHECK(sent({two}) == 5);
}
