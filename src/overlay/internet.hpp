// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ip/address.hpp"

namespace hsfwd::overlay {

/// Whether a host is one that everybody knows by this address: global unicast of IPv6 (RFC 4291) without what tunnels carry IPv4
/// in (Teredo, 6to4), IPv4 without private, shared and reserved networks (RFC 6890). What is not may be a
/// neighbour of whoever leads to the internet.
bool is_internet(const ip::Ipv6& host);

}  // namespace hsfwd::overlay
