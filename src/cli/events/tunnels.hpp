// SPDX-License-Identifier: Apache-2.0
// What is reported of tunnels themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct Valid {
  static constexpr const char* kName = "valid";
  static constexpr const char* kFrom = "check";
  Spread numbers;  // TunnelKind::number
  std::uint64_t warnings;
  static constexpr void fields(auto list) {
    list(field("", &Valid::numbers), field("warnings", &Valid::warnings));
  }
};

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

}  // namespace hsfwd::cli::events
