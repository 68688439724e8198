// SPDX-License-Identifier: Apache-2.0
#include "resolver/name_table.hpp"

#include <algorithm>

#include "resolver/query.hpp"
#include "util/text.hpp"

namespace hsfwd::resolver {

namespace {

constexpr std::size_t kKeySize = 32;

bool is_host_letter(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > Name::kMaxLabel) return false;
  if (name.front() == '-' || name.back() == '-') return false;
  if (!std::all_of(name.begin(), name.end(), is_host_letter)) return false;
  const auto key = from_z32(name);
  return !key || key->size() != kKeySize;
}

NameTable::NameTable(std::vector<NamedPeer> peers) : peers_(std::move(peers)) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    by_label_.emplace(lower(peers_[i].key), i);
    if (peers_[i].ipv6) by_address_.emplace(*peers_[i].ipv6, i);
    if (peers_[i].ipv4) by_address_.emplace(*peers_[i].ipv4, i);
  }
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (is_host_name(peers_[i].name)) by_label_.emplace(lower(peers_[i].name), i);
  }
}

const NamedPeer* NameTable::find(std::string_view label) const {
  const auto found = by_label_.find(lower(label));
  return found == by_label_.end() ? nullptr : &peers_[found->second];
}

const NamedPeer* NameTable::find(const ip::Ipv6& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &peers_[found->second];
}

const std::string& NameTable::label_of(const NamedPeer& peer) const {
  return find(peer.name) == &peer ? peer.name : peer.key;
}

}  // namespace hsfwd::resolver
