// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/keys.hpp"
#include "forward/listen_request.hpp"
#include "forward/port_set.hpp"
#include "util/result.hpp"

namespace hsfwd::forward {

/// Where this host listens for a peer that asks it to.
struct ListenPermit {
  std::optional<crypto::PublicKey> who;                      // nothing: whoever is let in
  std::optional<net::Ipv4> address = net::Ipv4::loopback();  // nothing: any of this host's
  PortSet ports = {};

  /// `[BIND:]PORTS`: BIND an IPv4 address of this host's or `*`, 127.0.0.1 unless given. The error is one
  /// clause for people.
  static Result<ListenPermit, std::string> parse(std::optional<crypto::PublicKey> who,
                                                 std::string_view where);

  /// A port of 0 is any.
  bool covers(const ListenRequest& request) const;
  /// As it was written, BIND included.
  std::string to_string() const;

  bool operator==(const ListenPermit&) const = default;
};

}  // namespace hsfwd::forward
