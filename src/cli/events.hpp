// SPDX-License-Identifier: Apache-2.0
// All events but what they say of tunnels of a kind, which stands with the kind. README documents each
// field, and a test compares. Keys are hexadecimal in `peer` and `public_key`, z-base-32 in `key`; times
// are milliseconds with a fraction, or whole seconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/event.hpp"

namespace hsfwd::cli::events {

struct Listening {
  static constexpr const char* kName = "listening";
  static constexpr const char* kFrom = "expose, up";
  std::string public_key;
  std::string key;
  std::vector<std::string> services;
  std::vector<std::string> targets;  // of these
  std::string connect;               // what to type elsewhere
  Omittable<std::string> ssh;        // the same, if there is something at port 22
  Omittable<std::string>
      holesail;  // the string for its clients, if there is a record and it is no secret
  static constexpr void fields(auto list) {
    list(field("publicKey", &Listening::public_key), field("key", &Listening::key),
         field("services", &Listening::services), field("targets", &Listening::targets),
         field("connect", &Listening::connect), field("ssh", &Listening::ssh),
         field("holesail", &Listening::holesail));
  }
};

struct TunnelReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "connect, up";
  std::string listen;
  std::string peer;
  std::string service;
  static constexpr void fields(auto list) {
    list(field("listen", &TunnelReady::listen), field("peer", &TunnelReady::peer),
         field("service", &TunnelReady::service));
  }
};

struct SocksReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "connect -D, up";
  std::string listen;
  std::optional<std::string> peer;
  std::string protocol;
  static constexpr void fields(auto list) {
    list(field("listen", &SocksReady::listen), field("peer", &SocksReady::peer),
         field("protocol", &SocksReady::protocol));
  }
};

/// Something that a browser or a collector reads.
struct WebReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "up (metrics)";
  std::string listen;
  std::string serves;  // metrics
  static constexpr void fields(auto list) {
    list(field("listen", &WebReady::listen), field("serves", &WebReady::serves));
  }
};

struct PageReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "page, up";
  std::string listen;
  Omittable<std::string> url;  // unless it is a unix socket
  static constexpr void fields(auto list) {
    list(field("listen", &PageReady::listen), field("url", &PageReady::url));
  }
};

struct ReverseReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "connect -R, up";
  std::string listen;  // of the peer's
  std::string peer;
  std::string target;
  static constexpr void fields(auto list) {
    list(field("listen", &ReverseReady::listen), field("peer", &ReverseReady::peer),
         field("target", &ReverseReady::target));
  }
};

struct ReverseListening {
  static constexpr const char* kName = "reverse";
  static constexpr const char* kFrom = "expose, up";
  std::string peer;
  std::string listen;
  bool open;           // false: no more
  std::string reason;  // why not; empty: the peer does not want it any more
  static constexpr void fields(auto list) {
    list(field("peer", &ReverseListening::peer), field("listen", &ReverseListening::listen),
         field("open", &ReverseListening::open), field("reason", &ReverseListening::reason));
  }
};

struct NetworkReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "tun, up";
  std::string interface;
  std::string public_key;
  std::string key;
  std::vector<std::string> addresses;
  static constexpr void fields(auto list) {
    list(field("interface", &NetworkReady::interface),
         field("publicKey", &NetworkReady::public_key), field("key", &NetworkReady::key),
         field("addresses", &NetworkReady::addresses));
  }
};

struct NetworkPeer {
  static constexpr const char* kName = "peer";
  static constexpr const char* kFrom = "tun, up";
  std::string peer;
  std::string name;
  std::string state;
  std::string path;    // empty: none
  std::string remote;  // empty: none
  std::string reason;  // why there is none
  static constexpr void fields(auto list) {
    list(field("peer", &NetworkPeer::peer), field("name", &NetworkPeer::name),
         field("state", &NetworkPeer::state), field("path", &NetworkPeer::path),
         field("remote", &NetworkPeer::remote), field("reason", &NetworkPeer::reason));
  }
};

struct NodeReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "node";
  std::string listen;
  std::optional<std::string> address;
  bool firewalled;
  bool persistent;
  Omittable<std::string> public_key;
  Omittable<std::string> key;
  static constexpr void fields(auto list) {
    list(field("listen", &NodeReady::listen), field("address", &NodeReady::address),
         field("firewalled", &NodeReady::firewalled), field("persistent", &NodeReady::persistent),
         field("publicKey", &NodeReady::public_key), field("key", &NodeReady::key));
  }
};

struct Relaying {
  static constexpr const char* kName = "relaying";
  static constexpr const char* kFrom = "node --relay";
  std::string public_key;
  std::string key;
  static constexpr void fields(auto list) {
    list(field("publicKey", &Relaying::public_key), field("key", &Relaying::key));
  }
};

struct TestnetReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "testnet";
  std::vector<std::string> bootstrap;
  std::uint64_t size;
  static constexpr void fields(auto list) {
    list(field("bootstrap", &TestnetReady::bootstrap), field("size", &TestnetReady::size));
  }
};

struct Valid {
  static constexpr const char* kName = "valid";
  static constexpr const char* kFrom = "check";
  Spread numbers;  // TunnelKind::number
  std::uint64_t warnings;
  static constexpr void fields(auto list) {
    list(field("", &Valid::numbers), field("warnings", &Valid::warnings));
  }
};

struct Warning {
  static constexpr const char* kName = "warning";
  static constexpr const char* kFrom = "all but keygen, lookup, netcheck, pipe, run";
  std::string message;
  Omittable<std::string> component;  // that says it; none of those of check
  static constexpr void fields(auto list) {
    list(field("message", &Warning::message), field("component", &Warning::component));
  }
};

struct Connection {
  static constexpr const char* kName = "connection";
  static constexpr const char* kFrom = "expose, connect, up";
  std::uint64_t id;
  std::string peer;
  Omittable<std::string> name;  // of the peer, if it has one
  std::string service;
  std::string path;
  std::string remote;
  static constexpr void fields(auto list) {
    list(field("id", &Connection::id), field("peer", &Connection::peer),
         field("name", &Connection::name), field("service", &Connection::service),
         field("path", &Connection::path), field("remote", &Connection::remote));
  }
};

struct Moved {
  static constexpr const char* kName = "path";
  static constexpr const char* kFrom = "expose, connect, up";
  std::uint64_t id;
  std::string path;
  std::string remote;
  static constexpr void fields(auto list) {
    list(field("id", &Moved::id), field("path", &Moved::path), field("remote", &Moved::remote));
  }
};

struct Dropped {
  static constexpr const char* kName = "dropped";
  static constexpr const char* kFrom = "expose, connect, node, testnet, up";
  std::uint64_t lines;
  static constexpr void fields(auto list) { list(field("lines", &Dropped::lines)); }
};

struct Closed {
  static constexpr const char* kName = "closed";
  static constexpr const char* kFrom = "expose, connect, up";
  std::uint64_t id;
  std::string peer;
  Omittable<std::string> name;  // of the peer, if it has one
  std::string service;
  std::uint64_t bytes_to_peer;
  std::uint64_t bytes_from_peer;
  std::string reason;
  static constexpr void fields(auto list) {
    list(field("id", &Closed::id), field("peer", &Closed::peer), field("name", &Closed::name),
         field("service", &Closed::service), field("bytesToPeer", &Closed::bytes_to_peer),
         field("bytesFromPeer", &Closed::bytes_from_peer), field("reason", &Closed::reason));
  }
};

struct Oversized {
  static constexpr const char* kName = "oversized";
  static constexpr const char* kFrom = "expose, connect, up";
  std::string service;
  std::uint64_t datagrams;
  std::uint64_t most;             // bytes
  Omittable<std::string> listen;  // where they came to, unless they are a service's
  static constexpr void fields(auto list) {
    list(field("service", &Oversized::service), field("datagrams", &Oversized::datagrams),
         field("most", &Oversized::most), field("listen", &Oversized::listen));
  }
};

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
  static constexpr void fields(auto list) {
    list(field("config", &Reloaded::config), field("kept", &Reloaded::kept),
         field("changed", &Reloaded::changed), field("started", &Reloaded::started),
         field("stopped", &Reloaded::stopped));
  }
};

struct Down {
  static constexpr const char* kName = "down";
  static constexpr const char* kFrom = "down";
  std::uint64_t pid;
  static constexpr void fields(auto list) { list(field("pid", &Down::pid)); }
};

struct Identity {
  static constexpr const char* kName = "identity";
  static constexpr const char* kFrom = "keygen";
  std::string public_key;
  std::string key;
  std::string file;
  bool created;
  std::string address;  // of the key, in a network
  static constexpr void fields(auto list) {
    list(field("publicKey", &Identity::public_key), field("key", &Identity::key),
         field("file", &Identity::file), field("created", &Identity::created),
         field("address", &Identity::address));
  }
};

struct NamedPeer {
  std::string name;
  std::string peer;
  std::string key;
  std::string file;  // that names it
  static constexpr void fields(auto list) {
    list(field("name", &NamedPeer::name), field("peer", &NamedPeer::peer),
         field("key", &NamedPeer::key), field("file", &NamedPeer::file));
  }
};

struct Named {
  static constexpr const char* kName = "named";
  static constexpr const char* kFrom = "peers add";
  NamedPeer peer;
  static constexpr void fields(auto list) { list(field("peer", &Named::peer)); }
};

struct Unnamed {
  static constexpr const char* kName = "unnamed";
  static constexpr const char* kFrom = "peers remove";
  NamedPeer peer;
  static constexpr void fields(auto list) { list(field("peer", &Unnamed::peer)); }
};

struct Names {
  static constexpr const char* kName = "names";
  static constexpr const char* kFrom = "peers names";
  std::vector<NamedPeer> peers;
  static constexpr void fields(auto list) { list(field("peers", &Names::peers)); }
};

struct Tested {
  static constexpr const char* kName = "reachability";
  static constexpr const char* kFrom = "expose, up";
  std::string public_key;
  bool reachable;
  std::vector<std::string> relays;
  std::vector<std::string> failed;
  std::uint64_t found;
  bool shared;
  static constexpr void fields(auto list) {
    list(field("publicKey", &Tested::public_key), field("reachable", &Tested::reachable),
         field("relays", &Tested::relays), field("failed", &Tested::failed),
         field("found", &Tested::found), field("shared", &Tested::shared));
  }
};

struct RelayAnswer {
  std::string relay;
  std::optional<double> millis;
  static constexpr void fields(auto list) {
    list(field("relay", &RelayAnswer::relay), field("millis", &RelayAnswer::millis));
  }
};

struct Found {
  static constexpr const char* kName = "found";
  static constexpr const char* kFrom = "lookup";
  std::string peer;
  std::vector<std::string> relays;
  std::vector<RelayAnswer> answers;
  std::uint64_t millis;
  std::uint64_t hops;
  std::uint64_t asked;
  static constexpr void fields(auto list) {
    list(field("peer", &Found::peer), field("relays", &Found::relays),
         field("answers", &Found::answers), field("millis", &Found::millis),
         field("hops", &Found::hops), field("asked", &Found::asked));
  }
};

struct PingConnection {
  static constexpr const char* kName = "connection";
  static constexpr const char* kFrom = "ping";
  std::string peer;
  std::string path;
  std::string remote;
  double millis;
  std::optional<std::vector<std::string>> services;
  static constexpr void fields(auto list) {
    list(field("peer", &PingConnection::peer), field("path", &PingConnection::path),
         field("remote", &PingConnection::remote), field("millis", &PingConnection::millis),
         field("services", &PingConnection::services));
  }
};

struct Direct {
  static constexpr const char* kName = "direct";
  static constexpr const char* kFrom = "ping --until-direct";
  std::string peer;
  std::string path;
  std::string remote;
  double millis;
  static constexpr void fields(auto list) {
    list(field("peer", &Direct::peer), field("path", &Direct::path),
         field("remote", &Direct::remote), field("millis", &Direct::millis));
  }
};

struct Pong {
  static constexpr const char* kName = "pong";
  static constexpr const char* kFrom = "ping";
  std::uint64_t seq;
  double millis;
  std::string path;
  std::string remote;
  static constexpr void fields(auto list) {
    list(field("seq", &Pong::seq), field("millis", &Pong::millis), field("path", &Pong::path),
         field("remote", &Pong::remote));
  }
};

struct Silence {
  static constexpr const char* kName = "silence";
  static constexpr const char* kFrom = "ping";
  std::uint64_t seq;
  static constexpr void fields(auto list) { list(field("seq", &Silence::seq)); }
};

struct Statistics {
  static constexpr const char* kName = "statistics";
  static constexpr const char* kFrom = "ping";
  std::uint64_t sent;
  std::uint64_t answered;
  // If there was an answer
  Omittable<double> min;
  Omittable<double> mean;
  Omittable<double> max;
  Omittable<double> deviation;
  Omittable<std::uint64_t> repeated;
  Omittable<std::uint64_t> mtu;
  static constexpr void fields(auto list) {
    list(field("sent", &Statistics::sent), field("answered", &Statistics::answered),
         field("min", &Statistics::min), field("mean", &Statistics::mean),
         field("max", &Statistics::max), field("deviation", &Statistics::deviation),
         field("repeated", &Statistics::repeated), field("mtu", &Statistics::mtu));
  }
};

struct Attempt {
  static constexpr const char* kName = "attempt";
  static constexpr const char* kFrom = "why; connect, up with -v";
  Omittable<std::uint64_t> id;
  double millis;
  std::string step;
  std::string text;
  static constexpr void fields(auto list) {
    list(field("id", &Attempt::id), field("millis", &Attempt::millis),
         field("step", &Attempt::step), field("text", &Attempt::text));
  }
};

struct AttemptStepState {
  double millis = 0;  // since it began
  std::string step;
  std::string text;
  static constexpr void fields(auto list) {
    list(field("millis", &AttemptStepState::millis), field("step", &AttemptStepState::step),
         field("text", &AttemptStepState::text));
  }
};

struct AttemptState {
  Omittable<std::uint64_t> id;  // of the connection that it was for
  std::string peer;
  std::string key;
  Omittable<std::string> name;
  std::string service;
  std::string at;
  std::uint64_t seconds = 0;
  std::string outcome;          // reached, failed, under way, given up
  Omittable<double> millis;     // until it was reached
  Omittable<std::string> code;  // of one that has failed, as are these
  Omittable<std::string> reason;
  Omittable<std::string> advice;
  std::vector<AttemptStepState> steps;
  static constexpr void fields(auto list) {
    list(field("id", &AttemptState::id), field("peer", &AttemptState::peer),
         field("key", &AttemptState::key), field("name", &AttemptState::name),
         field("service", &AttemptState::service), field("at", &AttemptState::at),
         field("seconds", &AttemptState::seconds), field("outcome", &AttemptState::outcome),
         field("millis", &AttemptState::millis), field("code", &AttemptState::code),
         field("reason", &AttemptState::reason), field("advice", &AttemptState::advice),
         field("steps", &AttemptState::steps));
  }
};

/// The last of a running `up`, the newest first.
struct Attempts {
  static constexpr const char* kName = "attempts";
  static constexpr const char* kFrom = "why";
  std::string command;  // up, expose, ...
  std::uint64_t pid = 0;
  std::vector<AttemptState> attempts;
  static constexpr void fields(auto list) {
    list(newer_field("command", &Attempts::command), newer_field("pid", &Attempts::pid),
         field("attempts", &Attempts::attempts));
  }
};

struct Verdict {
  static constexpr const char* kName = "verdict";
  static constexpr const char* kFrom = "why";
  bool reached;
  // Of one that was reached
  Omittable<std::string> path;
  Omittable<std::string> remote;
  Omittable<std::uint64_t> millis;
  // Of one that was not
  Omittable<std::string> code;
  Omittable<std::string> own_nat;
  Omittable<std::string> peer_nat;
  std::string verdict;
  std::string advice;
  static constexpr void fields(auto list) {
    list(field("reached", &Verdict::reached), field("path", &Verdict::path),
         field("remote", &Verdict::remote), field("millis", &Verdict::millis),
         field("code", &Verdict::code), field("ownNat", &Verdict::own_nat),
         field("peerNat", &Verdict::peer_nat), field("verdict", &Verdict::verdict),
         field("advice", &Verdict::advice));
  }
};

struct SurveyInterface {
  std::string name;
  std::string address;
  bool internal;
  static constexpr void fields(auto list) {
    list(field("name", &SurveyInterface::name), field("address", &SurveyInterface::address),
         field("internal", &SurveyInterface::internal));
  }
};

struct SurveyPorts {
  std::uint64_t server;
  std::uint64_t client;
  static constexpr void fields(auto list) {
    list(field("server", &SurveyPorts::server), field("client", &SurveyPorts::client));
  }
};

struct SurveyBootstrap {
  std::string node;
  std::optional<std::string> address;
  std::optional<double> millis;
  static constexpr void fields(auto list) {
    list(field("node", &SurveyBootstrap::node), field("address", &SurveyBootstrap::address),
         field("millis", &SurveyBootstrap::millis));
  }
};

struct SurveySample {
  std::string node;
  std::string seen_as;
  double millis;
  static constexpr void fields(auto list) {
    list(field("node", &SurveySample::node), field("seenAs", &SurveySample::seen_as),
         field("millis", &SurveySample::millis));
  }
};

struct SurveyNat {
  std::string verdict;
  bool firewalled;
  bool translated;
  bool keeps_port;
  std::vector<SurveySample> samples;
  static constexpr void fields(auto list) {
    list(field("verdict", &SurveyNat::verdict), field("firewalled", &SurveyNat::firewalled),
         field("translated", &SurveyNat::translated), field("keepsPort", &SurveyNat::keeps_port),
         field("samples", &SurveyNat::samples));
  }
};

struct Netcheck {
  static constexpr const char* kName = "netcheck";
  static constexpr const char* kFrom = "netcheck";
  bool online;
  std::vector<SurveyInterface> interfaces;
  SurveyPorts ports;
  std::vector<SurveyBootstrap> bootstrap;
  std::vector<std::string> public_hosts;
  SurveyNat nat;
  std::optional<std::string> reachable_as;
  std::optional<std::uint64_t> path_mtu;
  std::string summary;
  static constexpr void fields(auto list) {
    list(field("online", &Netcheck::online), field("interfaces", &Netcheck::interfaces),
         field("ports", &Netcheck::ports), field("bootstrap", &Netcheck::bootstrap),
         field("publicHosts", &Netcheck::public_hosts), field("nat", &Netcheck::nat),
         field("reachableAs", &Netcheck::reachable_as), field("pathMtu", &Netcheck::path_mtu),
         field("summary", &Netcheck::summary));
  }
};

struct Waiting {
  static constexpr const char* kName = "waiting";
  static constexpr const char* kFrom = "all but check, keygen, lookup, netcheck, pipe";
  std::string what;
  std::string text = {};                          // as people are told
  Omittable<std::vector<std::string>> bootstrap;  // of "network"
  Omittable<std::string> peer;                    // of "peer"
  Omittable<std::uint64_t> size;                  // of "nodes"
  static constexpr void fields(auto list) {
    list(field("for", &Waiting::what), field("text", &Waiting::text),
         field("bootstrap", &Waiting::bootstrap), field("peer", &Waiting::peer),
         field("size", &Waiting::size));
  }
};

struct Report {
  static constexpr const char* kName = "report";
  static constexpr const char* kFrom = "report";
  Omittable<std::string> text;
  Omittable<std::string> file;  // that has it
  static constexpr void fields(auto list) {
    list(field("text", &Report::text), field("file", &Report::file));
  }
};

struct Error {
  static constexpr const char* kName = "error";
  static constexpr const char* kFrom = "all";
  std::string code;
  std::string message;
  static constexpr void fields(auto list) {
    list(field("code", &Error::code), field("message", &Error::message));
  }
};

using All = std::tuple<Listening, TunnelReady, SocksReady, WebReady, PageReady, ReverseReady,
                       ReverseListening, NetworkReady, NetworkPeer, NodeReady, Relaying,
                       TestnetReady, Valid, Warning, Connection, Moved, Dropped, Closed, Oversized,
                       Status, Peers, Reloaded, Down, Identity, Named, Unnamed, Names, Tested,
                       Found, PingConnection, Pong, Direct, Silence, Statistics, Attempt, Attempts,
                       Verdict, Netcheck, Waiting, Report, Error>;

}  // namespace hsfwd::cli::events
