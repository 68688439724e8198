// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ip/address.hpp"
#include "net/address.hpp"

namespace hsfwd::net {

/// Where clouds tell their machines secrets, outside of 169.254.0.0/16: Azure, Alibaba, Oracle.
inline constexpr Ipv4 kCloudHosts[] = {Ipv4::of(168, 63, 129, 16), Ipv4::of(100, 100, 100, 200),
                                       Ipv4::of(192, 0, 0, 192)};

/// Whether a host is one that everybody knows by this address: global unicast of IPv6 (RFC 4291) without what tunnels carry IPv4
/// in (Teredo, 6to4), IPv4 without private, shared and reserved networks (RFC 6890). What is not may be a
/// neighbour of whoever leads to the internet.
bool is_internet(const ip::Ipv6& host);
bool is_internet(Ipv4 host);

}  // namespace hsfwd::net
