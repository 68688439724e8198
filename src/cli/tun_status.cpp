// SPDX-License-Identifier: Apache-2.0
#include "cli/tun_status.hpp"

#include "cli/output.hpp"
#include "cli/timeline.hpp"

namespace hsfwd::cli {

namespace {

const char* state_text(overlay::Link::State state) {
  switch (state) {
    case overlay::Link::State::kIdle:
      return "idle";
    case overlay::Link::State::kDialling:
      return "dialling";
    case overlay::Link::State::kOpen:
      return "open";
    case overlay::Link::State::kResting:
      return "resting";
  }
  return "";
}

}  // namespace

std::vector<std::string> tun_texts(const std::vector<ip::Ipv6>& hosts) {
  std::vector<std::string> out;
  for (const ip::Ipv6& host : hosts) out.push_back(ip::host_text(host));
  return out;
}

std::vector<std::string> tun_texts(const std::vector<ip::Prefix>& networks) {
  std::vector<std::string> out;
  for (const ip::Prefix& network : networks) out.push_back(network.to_string());
  return out;
}

std::vector<std::string> tun_offers(const overlay::NetworkSettings& settings) {
  std::vector<std::string> out = tun_texts(settings.offers);
  if (settings.offers_internet) out.emplace_back(kOfferInternet);
  return out;
}

std::vector<DropStatus> tun_drops(const overlay::Drops& drops) {
  std::vector<DropStatus> out;
  for (int i = 0; i < static_cast<int>(overlay::Drop::kCount); ++i) {
    const auto reason = static_cast<overlay::Drop>(i);
    if (drops[reason] > 0) out.push_back({overlay::to_string(reason), drops[reason]});
  }
  return out;
}

std::string tun_peer_name(const overlay::PeerStatus& peer) {
  return peer.name.empty() ? key_text(peer.key) : peer.name;
}

TunPeerStatus tun_peer_status(const overlay::PeerStatus& peer) {
  TunPeerStatus out{.peer = to_hex(peer.key.view()),
                    .name = tun_peer_name(peer),
                    .addresses = tun_texts(peer.addresses),
                    .networks = tun_texts(peer.networks),
                    .state = state_text(peer.state),
                    .packets_to_peer = peer.traffic.packets_to_peer,
                    .packets_from_peer = peer.traffic.packets_from_peer,
                    .bytes_to_peer = peer.traffic.bytes_to_peer,
                    .bytes_from_peer = peer.traffic.bytes_from_peer,
                    .drops = tun_drops(peer.drops)};
  if (peer.connection) {
    const PeerInfo info = peer.connection->stream->info();
    out.path = to_string(info.path);
    out.remote = info.remote.to_string();
    out.rtt_millis = millis(info.rtt);
  }
  if (peer.nospoon) out.nospoon = to_string(*peer.nospoon);
  if (peer.max_packet) out.max_packet = *peer.max_packet;
  if (!peer.error.empty()) out.problem = told(peer.error);
  return out;
}

}  // namespace hsfwd::cli
