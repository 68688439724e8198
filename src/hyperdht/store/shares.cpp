// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/store/shares.hpp"

#include "util/check.hpp"

namespace hsfwd::hyperdht {

namespace {

void subtract(std::unordered_map<std::uint32_t, std::size_t>& from, std::uint32_t key,
              std::size_t bytes) {
  const auto found = from.find(key);
  HSFWD_CHECK(found != from.end() && found->second >= bytes);
  found->second -= bytes;
  if (found->second == 0) from.erase(found);
}

std::size_t counted(const std::unordered_map<std::uint32_t, std::size_t>& in, std::uint32_t key) {
  const auto found = in.find(key);
  return found != in.end() ? found->second : 0;
}

}  // namespace

bool Shares::take(net::Ipv4 host, std::size_t bytes) {
  const bool local = net::is_private(host);
  const std::uint32_t network = host.value >> 8;
  const std::size_t most = capacity_ / (local ? kOfLocalHost : kOfHost);
  if (counted(hosts_, host.value) + bytes > most) return false;
  if (!local && counted(networks_, network) + bytes > capacity_ / kOfNetwork) return false;
  hosts_[host.value] += bytes;
  if (!local) networks_[network] += bytes;
  used_ += bytes;
  return true;
}

void Shares::give_back(net::Ipv4 host, std::size_t bytes) {
  subtract(hosts_, host.value, bytes);
  if (!net::is_private(host)) subtract(networks_, host.value >> 8, bytes);
  used_ -= bytes;
}

void Shares::clear() {
  hosts_.clear();
  networks_.clear();
  used_ = 0;
}

}  // namespace hsfwd::hyperdht
