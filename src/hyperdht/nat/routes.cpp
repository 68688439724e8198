// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/routes.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kMaxRoutes = 1024;
constexpr Duration kLinger = 3_s;  // upstream's
constexpr std::size_t kMaxLingeringSockets = 64;
}  // namespace

void Routes::add(const crypto::PublicKey& peer, net::UdpSocket& socket,
                 const net::Address& address) {
  if (entries_.size() >= kMaxRoutes && !entries_.contains(peer)) entries_.erase(entries_.begin());
  const auto owner = endpoint_.owner_of(socket);
  entries_[peer] = {&socket, owner, owner != nullptr, address};
}

std::optional<Routes::Route> Routes::find(const crypto::PublicKey& peer) const {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  if (entry.pooled && entry.owner.expired()) return std::nullopt;
  return Route{endpoint_.hold(*entry.socket), entry.address};
}

void Routes::forget(const crypto::PublicKey& peer, const net::UdpSocket& socket,
                    const net::Address& address) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  if (found->second.socket == &socket && found->second.address == address) entries_.erase(found);
}

void Routes::linger(const crypto::PublicKey& peer, std::shared_ptr<PoolSocket> socket) {
  const auto found = entries_.find(peer);
  if (!socket || found == entries_.end() || found->second.owner.lock() != socket) return;
  std::erase_if(lingering_, [&](const Lingering& l) { return l.socket == socket; });
  if (lingering_.size() >= kMaxLingeringSockets) lingering_.erase(lingering_.begin());
  lingering_.push_back({std::move(socket), scheduler_.now() + kLinger});
  if (!timer_.armed()) timer_.start(kLinger);
}

void Routes::let_go() {
  std::erase_if(lingering_, [&](const Lingering& l) { return l.until <= scheduler_.now(); });
  if (!lingering_.empty()) timer_.start_at(lingering_.front().until);
}

void Routes::clear() {
  entries_.clear();
  lingering_.clear();
  timer_.stop();
}

}  // namespace hsfwd::hyperdht
