// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/routes.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kLinger = 3_s;  // upstream's
constexpr std::size_t kMaxLingeringSockets = 64;
}  // namespace

void Routes::add(const crypto::PublicKey& peer, net::UdpSocket& socket,
                 const net::Address& address) {
  const auto owner = endpoint_.owner_of(socket);
  entries_.note(peer) = {&socket, owner, owner != nullptr, address};
}

std::optional<Routes::Route> Routes::find(const crypto::PublicKey& peer) const {
  const Entry* const entry = entries_.find(peer);
  if (entry == nullptr || (entry->pooled && entry->owner.expired())) return std::nullopt;
  return Route{endpoint_.hold(*entry->socket), entry->address};
}

void Routes::forget(const crypto::PublicKey& peer, const net::UdpSocket& socket,
                    const net::Address& address) {
  const Entry* const entry = entries_.find(peer);
  if (entry == nullptr) return;
  if (entry->socket == &socket && entry->address == address) entries_.erase(peer);
}

void Routes::linger(const crypto::PublicKey& peer, std::shared_ptr<PoolSocket> socket) {
  const Entry* const entry = entries_.find(peer);
  if (!socket || entry == nullptr || entry->owner.lock() != socket) return;
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
