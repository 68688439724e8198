// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/protocol.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kName = "hyperswarm/dht";
constexpr std::size_t kCommands = 11;
}  // namespace

const crypto::Hash32& name_space_of(Command command) {
  static const auto kSpaces = [] {
    std::array<crypto::Hash32, kCommands> spaces;
    for (std::size_t i = 0; i < kCommands; ++i) {
      spaces[i] = crypto::name_space(kName, static_cast<std::uint8_t>(i));
    }
    return spaces;
  }();
  return kSpaces[static_cast<std::size_t>(command)];
}

bool is_acceptable_node(const net::Address& address) {
  using net::Ipv4;
  static constexpr net::Address kStale[] = {
      {Ipv4::of(134, 209, 28, 98), 49738},
      {Ipv4::of(167, 99, 142, 185), 49738},
      {Ipv4::of(35, 233, 47, 252), 9400},
  };
  static constexpr Ipv4 kStaleHost = Ipv4::of(150, 136, 142, 116);
  return address.host != kStaleHost &&
         std::find(std::begin(kStale), std::end(kStale), address) == std::end(kStale);
}

}  // namespace hsfwd::hyperdht
