// SPDX-License-Identifier: Apache-2.0
#include "cli/session_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "cli/address_book.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

/// Of a session or a connection.
template <class State>
std::string peer_text(const State& state) {
  return state.name.value_or(state.key.substr(0, kShortKey));
}

std::string rtt_text(double millis) {
  return fmt::format("{:.1f} ms", millis);
}

std::string lost_text(const events::SessionState& session) {
  const double share = 100.0 * static_cast<double>(session.packets_lost) /
                       static_cast<double>(std::max<std::uint64_t>(session.packets, 1));
  return fmt::format("{} lost ({:.1f} %)", count_text(session.packets_lost, "packet"), share);
}

/// An earlier hsfwd does not say when it was.
std::string error_text(const events::SessionState& session) {
  if (!session.last_error_seconds) return "last error: " + session.last_error;
  return fmt::format("last error {} ago{}: {}", span_text(*session.last_error_seconds),
                     session.last_error_over ? ", over since" : "", session.last_error);
}

/// Their numbers, as the lines about connections have them.
std::string ids_text(const events::SessionState& session,
                     const std::vector<events::ConnectionState>& connections) {
  std::string out;
  for (const events::ConnectionState& connection : connections) {
    if (connection.session != session.id) continue;
    if (!out.empty()) return out + "...";
    out = std::to_string(connection.id);
  }
  return out;
}

}  // namespace

std::vector<std::string> session_notes(const events::SessionState& session) {
  std::vector<std::string> out = {count_text(session.streams, "connection")};
  if (session.silent_seconds) {
    out.push_back(fmt::format("silent for {}", span_text(*session.silent_seconds)));
  }
  out.push_back(fmt::format("{}/s to the peer", size_text(session.rate_to_peer)));
  out.push_back(fmt::format("{}/s from it", size_text(session.rate_from_peer)));
  if (session.packets_lost > 0) out.push_back(lost_text(session));
  if (session.packets_repeated > 0) {
    out.push_back(fmt::format("{} sent again", session.packets_repeated));
  }
  if (session.moves > 0) out.push_back("moved " + count_text(session.moves, "time"));
  if (!session.last_error.empty()) out.push_back(error_text(session));
  return out;
}

std::string sessions_text(const std::vector<events::SessionState>& sessions) {
  if (sessions.empty()) return "";
  Table table({"SESSION", "PEER", "PATH", "REMOTE", "RTT", "FOR"});
  for (const events::SessionState& session : sessions) {
    table.add({session.direction, peer_text(session), session.path, session.remote,
               rtt_text(session.rtt_millis), span_text(session.seconds)},
              session_notes(session));
  }
  return "\n\n" + table.to_string(platform::output_width());
}

std::string connections_text(const events::Peers& peers) {
  if (peers.connections.empty()) return "no connections";
  Table table({"ID", "", "PEER", "SERVICE", "PATH", "REMOTE", "RTT", "TO", "FROM", "FOR"});
  for (const events::SessionState& session : peers.sessions) {
    if (session.services.empty()) continue;
    table.add({ids_text(session, peers.connections), session.direction, peer_text(session),
               fmt::format("{}", fmt::join(session.services, ",")), session.path, session.remote,
               rtt_text(session.rtt_millis), size_text(session.bytes_to_peer),
               size_text(session.bytes_from_peer), span_text(session.seconds)},
              session_notes(session));
  }
  for (const events::ConnectionState& connection : peers.connections) {
    if (connection.session) continue;
    table.add({std::to_string(connection.id), connection.direction, peer_text(connection),
               connection.service, connection.path, connection.remote,
               rtt_text(connection.rtt_millis), size_text(connection.bytes_to_peer),
               size_text(connection.bytes_from_peer), span_text(connection.seconds)});
  }
  return table.to_string(platform::output_width());
}

}  // namespace hsfwd::cli
