// SPDX-License-Identifier: Apache-2.0
#include "cli/session_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cli/address_book.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

// Of the tables.
constexpr std::size_t kSessionPeerColumn = 1;
constexpr std::size_t kPeersPeerColumn = 2;
constexpr std::size_t kPeersServiceColumn = 3;

/// Of a session or a connection.
template <class State>
std::string peer_text(const State& state) {
  return state.name.value_or(state.key.substr(0, kShortKey));
}

std::string rtt_text(double millis) {
  return millis < 99.95 ? fmt::format("{:.1f} ms", millis) : fmt::format("{:.0f} ms", millis);
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

std::string place_text(const std::string& remote, std::uint64_t seconds) {
  return fmt::format("{} for {}", remote, span_text(seconds));
}

/// What the peer owes an answer in, then what is busy, then what is new.
std::vector<events::SessionState> sorted_sessions(std::vector<events::SessionState> sessions) {
  const auto rate = [](const events::SessionState& session) {
    return session.rate_to_peer + session.rate_from_peer;
  };
  std::stable_sort(sessions.begin(), sessions.end(), [&](const auto& a, const auto& b) {
    const auto silent = [](const auto& one) { return one.silent_seconds.has_value(); };
    if (silent(a) != silent(b)) return silent(a);
    if (rate(a) != rate(b)) return rate(a) > rate(b);
    return a.seconds < b.seconds;
  });
  return sessions;
}

std::vector<events::ConnectionState> sorted_connections(
    std::vector<events::ConnectionState> connections) {
  std::stable_sort(connections.begin(), connections.end(), [](const auto& a, const auto& b) {
    if (rate_of(a) != rate_of(b)) return rate_of(a) > rate_of(b);
    return a.seconds < b.seconds;
  });
  return connections;
}

std::vector<std::string> connection_notes(const events::ConnectionState& connection) {
  std::vector<std::string> out = {place_text(connection.remote, connection.seconds)};
  const std::string rates = rates_text(connection.rate_to_peer, connection.rate_from_peer);
  if (!rates.empty()) out.push_back(rates);
  return out;
}

}  // namespace

std::vector<std::string> session_notes(const events::SessionState& session) {
  std::vector<std::string> out;
  if (session.silent_seconds) {
    out.push_back(fmt::format("silent for {}", span_text(*session.silent_seconds)));
  }
  out.push_back(place_text(session.remote, session.seconds));
  out.push_back(count_text(session.streams, "connection"));
  if (session.rate_to_peer > 0 || session.rate_from_peer > 0) {
    out.push_back(fmt::format("{}/s to the peer", size_text(session.rate_to_peer)));
    out.push_back(fmt::format("{}/s from it", size_text(session.rate_from_peer)));
  }
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
  Table table({"SESSION", "PEER", "PATH", "RTT", "TO PEER", "FROM PEER"});
  table.may_shorten(kSessionPeerColumn);
  for (const events::SessionState& session : sorted_sessions(sessions)) {
    std::vector<std::string> notes = session_notes(session);
    for (const std::string& service : session.services) {
      if (!service.empty()) notes.push_back(service);
    }
    table.add({session.direction, peer_text(session), session.path, rtt_text(session.rtt_millis),
               size_text(session.bytes_to_peer), size_text(session.bytes_from_peer)},
              std::move(notes));
  }
  return "\n\n" + table.to_string(platform::output_width());
}

std::string connections_text(const events::Peers& peers) {
  if (peers.connections.empty()) return "no connections";
  Table table({"ID", "", "PEER", "SERVICE", "PATH", "RTT", "TO PEER", "FROM PEER"});
  table.may_shorten(kPeersServiceColumn).may_shorten(kPeersPeerColumn);
  for (const events::SessionState& session : sorted_sessions(peers.sessions)) {
    if (session.services.empty()) continue;
    table.add({ids_text(session, peers.connections), session.direction, peer_text(session),
               fmt::format("{}", fmt::join(session.services, ",")), session.path,
               rtt_text(session.rtt_millis), size_text(session.bytes_to_peer),
               size_text(session.bytes_from_peer)},
              session_notes(session));
  }
  for (const events::ConnectionState& connection : sorted_connections(peers.connections)) {
    if (connection.session) continue;
    table.add({std::to_string(connection.id), connection.direction, peer_text(connection),
               connection.service, connection.path, rtt_text(connection.rtt_millis),
               size_text(connection.bytes_to_peer), size_text(connection.bytes_from_peer)},
              connection_notes(connection));
  }
  return table.to_string(platform::output_width());
}

}  // namespace hsfwd::cli
