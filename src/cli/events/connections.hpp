// SPDX-License-Identifier: Apache-2.0
// What is reported of a tunnel's connections, as they come and go.
#pragma once

#include <cstdint>
#include <string>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

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

}  // namespace hsfwd::cli::events
