// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_map>

#include "net/address.hpp"
#include "util/time.hpp"

namespace hsfwd::rpc {

/// Responses that nobody waits for, by the host that they say they come from: late answers, and
/// guesses at transaction ids.
///
/// They are counted and told of, and nothing else follows: no host is ignored for them. A source is
/// easily forged, so that a handful of packets in a relay's name would silence the relay, while
/// guessing in its name takes 65,536; and in its own name a host can only answer for itself.
class Strays {
 public:
  /// True when that makes them many, once in a while for each host.
  bool add(net::Ipv4 host, Instant now);
  /// In the current period, or the last one in which any came.
  std::uint32_t count(net::Ipv4 host) const;

 private:
  struct Entry {
    std::uint32_t count = 0;
    Instant since;
  };
  std::unordered_map<net::Ipv4, Entry> entries_;
  Instant forget_at_;
};

}  // namespace hsfwd::rpc
