// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream_factory.hpp"

namespace hsfwd::forward {

/// Something local that peers can be connected to.
struct Service {
  std::string name;
  net::StreamAddress target;
  bool proxy_header = false;  // it is told who a peer is, by the PROXY protocol

  /// `[NAME=]PORT`, `[NAME=]HOST:PORT`, `[NAME=]unix:PATH`, `[NAME=]udp:[HOST:]PORT`. Without a name it is named
  /// after its port or the last part of its path. The error is one clause for people.
  static Result<Service, std::string> parse(std::string_view text);

  bool operator==(const Service&) const = default;
};

/// A local address that leads to a peer's service.
struct LocalForward {
  net::StreamAddress listen;
  std::string service;  // empty: the peer's default

  /// `[BIND:]PORT[:SERVICE]`, `unix:PATH[:SERVICE]` or `udp:[BIND:]PORT[:SERVICE]`; BIND is 127.0.0.1 unless given,
  /// of UDP an IPv4 address.
  static Result<LocalForward, std::string> parse(std::string_view text);

  bool operator==(const LocalForward&) const = default;
};

/// Letters, digits, '-', '_' and '.', 1 to 64 of them.
bool is_service_name(std::string_view name);
/// One clause for people that says so, and what would be one.
std::string no_service_name(std::string_view name);
/// The one of `names` that is called so; without one the first that is but for the case of letters, which browsers do not
/// keep in names. Empty: none.
std::string service_meant(const std::vector<std::string>& names, std::string_view name);
/// What to say about a word for a protocol ahead of an address that is none here, such as `tcp:80` and `UDP:53`; empty
/// if there is no such word.
std::string protocol_problem(std::string_view text);

}  // namespace hsfwd::forward
