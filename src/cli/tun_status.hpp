// SPDX-License-Identifier: Apache-2.0
// The state of a network, as `status` and events have it.
#pragma once

#include <string>
#include <vector>

#include "cli/tun_kind.hpp"
#include "overlay/network.hpp"

namespace hsfwd::cli {

std::vector<std::string> tun_texts(const std::vector<ip::Ipv6>& hosts);
std::vector<std::string> tun_texts(const std::vector<ip::Prefix>& networks);
std::vector<std::string> tun_offers(const overlay::NetworkSettings& settings);
/// Of those reasons for which something was dropped.
std::vector<DropStatus> tun_drops(const overlay::Drops& drops);
/// Its name, or its key.
std::string tun_peer_name(const overlay::PeerStatus& peer);
TunPeerStatus tun_peer_status(const overlay::PeerStatus& peer);

}  // namespace hsfwd::cli
