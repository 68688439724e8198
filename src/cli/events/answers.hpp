// SPDX-License-Identifier: Apache-2.0
// What a running command answers on its control socket. Its attempts to reach peers are in
// attempts.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct NodeState {
  bool online;
  bool persistent;
  bool firewalled;
  std::optional<std::string> address;
  std::string nat;
  std::uint64_t bytes_buffered;
  static constexpr void fields(auto list) {
    list(field("online", &NodeState::online), field("persistent", &NodeState::persistent),
         field("firewalled", &NodeState::firewalled), field("address", &NodeState::address),
         field("nat", &NodeState::nat), field("bytesBuffered", &NodeState::bytes_buffered));
  }
};

struct SessionState {
  std::uint64_t id;
  std::string direction;
  std::string peer;
  std::string key;
  Omittable<std::string> name = {};   // of the peer, if it has one
  std::vector<std::string> services;  // of its connections at the moment, each once
  std::uint64_t streams;
  std::string path;
  std::string remote;
  double rtt_millis;
  std::uint64_t bytes_to_peer;
  std::uint64_t bytes_from_peer;
  std::uint64_t rate_to_peer;  // bytes a second
  std::uint64_t rate_from_peer;
  std::uint64_t packets;
  std::uint64_t packets_repeated;
  std::uint64_t packets_lost;
  std::uint64_t moves;
  std::optional<std::uint64_t> silent_seconds;
  std::string last_error;  // empty: none
  std::optional<std::string> last_error_at;
  std::optional<std::uint64_t> last_error_seconds;  // since then
  bool last_error_over = false;                     // the peer has been heard again since
  std::string since;
  std::uint64_t seconds;
  static constexpr void fields(auto list) {
    list(field("id", &SessionState::id), field("direction", &SessionState::direction),
         field("peer", &SessionState::peer), field("key", &SessionState::key),
         newer_field("name", &SessionState::name), field("services", &SessionState::services),
         field("streams", &SessionState::streams), field("path", &SessionState::path),
         field("remote", &SessionState::remote), field("rttMillis", &SessionState::rtt_millis),
         field("bytesToPeer", &SessionState::bytes_to_peer),
         field("bytesFromPeer", &SessionState::bytes_from_peer),
         field("rateToPeer", &SessionState::rate_to_peer),
         field("rateFromPeer", &SessionState::rate_from_peer),
         field("packets", &SessionState::packets),
         field("packetsRepeated", &SessionState::packets_repeated),
         field("packetsLost", &SessionState::packets_lost), field("moves", &SessionState::moves),
         field("silentSeconds", &SessionState::silent_seconds),
         field("lastError", &SessionState::last_error),
         newer_field("lastErrorAt", &SessionState::last_error_at),
         newer_field("lastErrorSeconds", &SessionState::last_error_seconds),
         newer_field("lastErrorOver", &SessionState::last_error_over),
         field("since", &SessionState::since), field("seconds", &SessionState::seconds));
  }
};

struct HealthProblem {
  std::string code;
  std::string level;  // error, warning
  std::string what;
  std::string why;
  std::string advice;
  std::optional<std::string> since;  // null: nobody knows
  std::optional<std::uint64_t> seconds;
  static constexpr void fields(auto list) {
    list(field("code", &HealthProblem::code), field("level", &HealthProblem::level),
         field("what", &HealthProblem::what), field("why", &HealthProblem::why),
         field("advice", &HealthProblem::advice), field("since", &HealthProblem::since),
         field("seconds", &HealthProblem::seconds));
  }
};

struct Status {
  static constexpr const char* kName = "status";
  static constexpr const char* kFrom = "status";
  std::string command;  // up, expose, ...
  std::string config;
  std::uint64_t pid;
  std::uint64_t seconds;
  std::string public_key;
  std::string key;
  NodeState node;
  Omittable<std::vector<HealthProblem>> health;  // an older `up` does not know
  std::vector<SessionState> sessions;
  Spread tunnels;  // TunnelKind::list
  static constexpr void fields(auto list) {
    list(newer_field("command", &Status::command), field("config", &Status::config),
         field("pid", &Status::pid), field("seconds", &Status::seconds),
         field("publicKey", &Status::public_key), field("key", &Status::key),
         field("node", &Status::node), field("health", &Status::health),
         newer_field("sessions", &Status::sessions), field("", &Status::tunnels));
  }
};

struct ConnectionState {
  std::uint64_t id;
  std::string direction;
  std::string peer;
  std::string key;
  Omittable<std::string> name = {};  // of the peer, if it has one
  std::string service;
  std::string path;
  std::string remote;
  double rtt_millis;
  std::uint64_t bytes_to_peer;
  std::uint64_t bytes_from_peer;
  Omittable<std::uint64_t> rate_to_peer = {};  // bytes a second, by two of peers --watch
  Omittable<std::uint64_t> rate_from_peer = {};
  std::string since;
  std::uint64_t seconds;
  std::optional<std::uint64_t> session;  // the one that carries it
  static constexpr void fields(auto list) {
    list(field("id", &ConnectionState::id), field("direction", &ConnectionState::direction),
         field("peer", &ConnectionState::peer), field("key", &ConnectionState::key),
         newer_field("name", &ConnectionState::name), field("service", &ConnectionState::service),
         field("path", &ConnectionState::path), field("remote", &ConnectionState::remote),
         field("rttMillis", &ConnectionState::rtt_millis),
         field("bytesToPeer", &ConnectionState::bytes_to_peer),
         field("bytesFromPeer", &ConnectionState::bytes_from_peer),
         field("rateToPeer", &ConnectionState::rate_to_peer),
         field("rateFromPeer", &ConnectionState::rate_from_peer),
         field("since", &ConnectionState::since), field("seconds", &ConnectionState::seconds),
         newer_field("session", &ConnectionState::session));
  }
};

struct Peers {
  static constexpr const char* kName = "peers";
  static constexpr const char* kFrom = "peers";
  std::string command;  // up, expose, ...
  std::uint64_t pid = 0;
  std::vector<ConnectionState> connections;
  std::vector<SessionState> sessions;
  static constexpr void fields(auto list) {
    list(newer_field("command", &Peers::command), newer_field("pid", &Peers::pid),
         field("connections", &Peers::connections), newer_field("sessions", &Peers::sessions));
  }
};

struct Reloaded {
  static constexpr const char* kName = "reloaded";
  static constexpr const char* kFrom = "reload, up";
  std::string config;
  std::uint64_t kept;
  std::uint64_t changed;
  std::uint64_t started;
  std::uint64_t stopped;
  std::vector<std::string> warnings;  // a line for people each
  static constexpr void fields(auto list) {
    list(field("config", &Reloaded::config), field("kept", &Reloaded::kept),
         field("changed", &Reloaded::changed), field("started", &Reloaded::started),
         field("stopped", &Reloaded::stopped), newer_field("warnings", &Reloaded::warnings));
  }
};

struct Down {
  static constexpr const char* kName = "down";
  static constexpr const char* kFrom = "down";
  std::uint64_t pid;
  static constexpr void fields(auto list) { list(field("pid", &Down::pid)); }
};

}  // namespace hsfwd::cli::events
