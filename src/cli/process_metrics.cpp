// SPDX-License-Identifier: Apache-2.0
#include "cli/process_metrics.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "node/peer_info.hpp"
#include "platform/process_figures.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// How sessions with one peer stand: several may be while one takes over from another.
struct Standing {
  std::uint64_t streams = 0;
  Duration rtt;  // the longest
  Duration silent;

  void add(const SessionInfo& session) {
    streams += session.streams;
    rtt = std::max(rtt, session.rtt);
    silent = std::max(silent, session.silent.value_or(Duration()));
  }

  void collect(MetricSink& sink) const {
    sink.gauge("hsfwd_session_streams", "Connections that sessions with the peer carry", streams);
    sink.seconds(MetricKind::kGauge, "hsfwd_session_rtt_seconds",
                 "Round-trip time to the peer, smoothed", rtt);
    sink.seconds(MetricKind::kGauge, "hsfwd_session_silent_seconds",
                 "For how long the peer has not answered what was sent", silent);
  }
};

}  // namespace

void collect_process(MetricSink& sink, std::uint64_t began) {
  const platform::ProcessFigures figures = platform::process_figures();
  sink.gauge("hsfwd_build_info", "1, with the version", 1, {{"version", HSFWD_VERSION}});
  sink.seconds(MetricKind::kCounter, "process_cpu_seconds", "Time on processors, of all threads",
               figures.cpu);
  sink.gauge("process_resident_memory_bytes", "Memory that is in use", figures.resident_bytes);
  sink.gauge("process_open_fds", "Open file descriptors", figures.open_files);
  sink.gauge("process_max_fds", "The most that may be open", figures.open_files_limit);
  sink.seconds(MetricKind::kGauge, "process_start_time_seconds", "When it began, since 1970",
               Duration::millis(static_cast<std::int64_t>(began)));
}

void SessionTally::Counters::add(const Counters& other) {
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  packets_sent += other.packets_sent;
  packets_repeated += other.packets_repeated;
  packets_lost += other.packets_lost;
  moves += other.moves;
}

void SessionTally::Counters::collect(MetricSink& sink) const {
  const char* bytes = "hsfwd_session_bytes";
  const char* help = "Bytes of all connections in sessions with the peer";
  sink.counter(bytes, help, bytes_received, {{"direction", "from_peer"}});
  sink.counter(bytes, help, bytes_sent, {{"direction", "to_peer"}});
  sink.counter("hsfwd_session_packets", "Packets sent to the peer, with repeats", packets_sent);
  sink.counter("hsfwd_session_packets_repeated", "Of these, sent once more", packets_repeated);
  sink.counter("hsfwd_session_packets_lost", "Of these, lost on the way", packets_lost);
  sink.counter("hsfwd_session_moves", "How often the path has come to lead elsewhere", moves);
}

SessionTally::Counters SessionTally::counters_of(const SessionInfo& session) {
  return {.bytes_sent = session.bytes_sent,
          .bytes_received = session.bytes_received,
          .packets_sent = session.packets_sent,
          .packets_repeated = session.packets_repeated,
          .packets_lost = session.packets_lost,
          .moves = session.moves};
}

/// Peers that no tunnel leads to any more go.
void SessionTally::settle(const std::vector<SessionInfo>& sessions,
                          const std::map<PublicKey, std::string>& peers) {
  std::map<std::uint64_t, Live> live;
  for (const SessionInfo& session : sessions) {
    if (peers.contains(session.key)) live[session.id] = {session.key, counters_of(session)};
  }
  for (const auto& [id, last] : live_) {
    if (!live.contains(id)) ended_[last.peer].add(last.counters);
  }
  live_ = std::move(live);
  std::erase_if(ended_, [&](const auto& one) { return !peers.contains(one.first); });
}

void SessionTally::collect(MetricSink& sink, const std::vector<SessionInfo>& sessions,
                           const std::map<PublicKey, std::string>& peers) {
  constexpr std::array kPaths = {PathKind::kDirect, PathKind::kLan, PathKind::kRelayed};
  for (const PathKind path : kPaths) {
    const auto count =
        std::count_if(sessions.begin(), sessions.end(),
                      [path](const SessionInfo& session) { return session.path == path; });
    sink.gauge("hsfwd_sessions_open", "Sessions of both sides, by path",
               static_cast<std::uint64_t>(count), {{"path", to_string(path)}});
  }
  settle(sessions, peers);
  std::map<PublicKey, Counters> counted = ended_;
  for (const auto& [id, session] : live_) counted[session.peer].add(session.counters);
  std::map<PublicKey, Standing> standing;
  for (const SessionInfo& session : sessions) {
    if (peers.contains(session.key)) standing[session.key].add(session);
  }
  for (const auto& [key, name] : peers) {
    LabellingSink labelled(sink, {{"peer", key_text(key)}});
    labelled.gauge("hsfwd_peer_info", "1, with what the peer is called", 1, {{"name", name}});
    if (const auto now = standing.find(key); now != standing.end()) now->second.collect(labelled);
    if (const auto sum = counted.find(key); sum != counted.end()) sum->second.collect(labelled);
  }
}

}  // namespace hsfwd::cli
