// SPDX-License-Identifier: Apache-2.0
#include "forward/proxy_header.hpp"

#include <array>

namespace hsfwd::forward {

namespace {

constexpr std::array<std::uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::uint8_t kVersionAndProxy = 0x21;
constexpr std::uint8_t kTcpOverIpv4 = 0x11;
constexpr std::uint8_t kUnspecified = 0x00;

void append_u16(Bytes& out, std::size_t value) {
  append(out, Bytes{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
}

void append_host(Bytes& out, net::Ipv4 host) {
  for (int i = 0; i < 4; ++i) out.push_back(host.octet(i));
}

}  // namespace

Bytes proxy_header(const PeerInfo& peer, const net::StreamAddress& service) {
  const bool has_address = peer.path != PathKind::kRelayed;
  Bytes rest;
  if (has_address) {
    append_host(rest, peer.remote.host);
    append_host(rest, service.ipv4().value_or(net::Ipv4::any()));
    append_u16(rest, peer.remote.port);
    append_u16(rest, service.port);
  }
  rest.push_back(kProxyKeyType);
  append_u16(rest, peer.key.bytes.size());
  append(rest, peer.key.view());

  Bytes out(kSignature.begin(), kSignature.end());
  out.push_back(kVersionAndProxy);
  out.push_back(has_address ? kTcpOverIpv4 : kUnspecified);
  append_u16(out, rest.size());
  append(out, rest);
  return out;
}

}  // namespace hsfwd::forward
