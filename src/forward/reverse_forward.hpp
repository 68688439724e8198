// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "forward/listen_request.hpp"
#include "forward/service.hpp"
#include "util/result.hpp"

namespace hsfwd::forward {

/// An address of a peer that leads to a service of this machine.
struct ReverseForward {
  ListenRequest listen;
  Service target;

  /// `[BIND:]PORT[:TARGET]`: BIND an IPv4 address of the peer's or `*` for all, 127.0.0.1 unless given; port 0 is one that
  /// the peer picks. TARGET is what Service::parse() takes, without a name, and TCP; this machine's same port unless given.
  /// The error is one clause for people.
  static Result<ReverseForward, std::string> parse(std::string_view text);

  /// "ADDRESS:PORT:TARGET".
  std::string to_string() const;
  bool operator==(const ReverseForward&) const = default;
};

}  // namespace hsfwd::forward
