// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ip/address.hpp"

namespace hsfwd::resolver {

struct NamedPeer {
  std::string name;  // empty: it has none
  std::string key;   // z-base-32
  std::optional<ip::Ipv6> ipv6;
  std::optional<ip::Ipv6> ipv4;  // mapped
};

/// Whether a peer of that name is found under it: a label of letters, digits, hyphens and
/// underscores, with no hyphen at an end, that is no key.
bool is_host_name(std::string_view name);

/// Peers by their key, by their name if it is one that is_host_name takes, and by their addresses. Of
/// two that want the same the first has it, and keys come before names.
class NameTable {
 public:
  explicit NameTable(std::vector<NamedPeer> peers);

  /// In upper or lower case. Null for none.
  const NamedPeer* find(std::string_view label) const;
  const NamedPeer* find(const ip::Ipv6& address) const;
  /// The label that its addresses lead to: its name if it is found under it, else its key.
  const std::string& label_of(const NamedPeer& peer) const;

 private:
  std::vector<NamedPeer> peers_;
  std::unordered_map<std::string, std::size_t> by_label_;  // in lower case
  std::unordered_map<ip::Ipv6, std::size_t> by_address_;
};

}  // namespace hsfwd::resolver
