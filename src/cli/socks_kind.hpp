// SPDX-License-Identifier: Apache-2.0
// [[socks]]: local addresses at which programs say by SOCKS5 where they want to be led.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/events/event.hpp"
#include "cli/socks_directory.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

extern const TunnelKind kSocksKind;

struct SocksStatus {
  std::string listen;
  std::optional<std::string> peer;  // null: names of peers alone
  std::optional<std::string> name;
  std::uint64_t connections = 0;
  std::uint64_t waiting = 0;
  std::uint64_t refused = 0;
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer;  // bytes a second, by two of status --watch
  Omittable<std::uint64_t> rate_from_peer;
  Omittable<std::string> problem;  // that keeps it from being open
  static constexpr void fields(auto list) {
    list(field("listen", &SocksStatus::listen), field("peer", &SocksStatus::peer),
         field("name", &SocksStatus::name), field("connections", &SocksStatus::connections),
         field("waiting", &SocksStatus::waiting), field("refused", &SocksStatus::refused),
         field("bytesToPeer", &SocksStatus::bytes_to_peer),
         field("bytesFromPeer", &SocksStatus::bytes_from_peer),
         field("rateToPeer", &SocksStatus::rate_to_peer),
         field("rateFromPeer", &SocksStatus::rate_from_peer),
         field("problem", &SocksStatus::problem));
  }
};

/// One local address; a [[socks]] has one or more.
struct SocksSpec final : TunnelSpec {
  SocksSpec(net::StreamAddress l, SocksDirectory d)
      : listen(std::move(l)), directory(std::move(d)) {}

  const TunnelKind& kind() const override { return kSocksKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  const net::StreamAddress* local_address() const override { return &listen; }
  std::unique_ptr<Tunnel> make(App& app) const override;

  net::StreamAddress listen;
  SocksDirectory directory;
};

/// `[BIND:]PORT`; BIND is 127.0.0.1 unless given. The error is one clause for people.
Result<net::StreamAddress, std::string> parse_socks_address(std::string_view text);
/// What there is to be said of an address that others than this machine's programs reach; empty of any other.
std::string socks_exposure(const net::StreamAddress& listen);

}  // namespace hsfwd::cli
