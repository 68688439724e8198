// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/nat/endpoint.hpp"
#include "util/bounded_map.hpp"

namespace hsfwd::hyperdht {

/// Paths that have led to peers and may do so again: a reconnect tries them before it asks the DHT.
/// A socket of the pool is kept open for a few seconds after its last stream for this.
class Routes {
 public:
  explicit Routes(Endpoint& endpoint, Scheduler& scheduler)
      : endpoint_(endpoint),
        scheduler_(scheduler),
        entries_(kMaxRoutes),
        timer_(scheduler, [this] { let_go(); }) {}

  struct Route {
    std::shared_ptr<net::UdpSocket> socket;
    net::Address address;
  };

  void add(const crypto::PublicKey& peer, net::UdpSocket& socket, const net::Address& address);
  std::optional<Route> find(const crypto::PublicKey& peer) const;
  void forget(const crypto::PublicKey& peer) { entries_.erase(peer); }
  /// This path leads to the peer no more; one found since then may.
  void forget(const crypto::PublicKey& peer, const net::UdpSocket& socket,
              const net::Address& address);
  /// A stream to the peer over this socket is gone. If that is the path to use again, it stays.
  void linger(const crypto::PublicKey& peer, std::shared_ptr<PoolSocket> socket);
  void clear();

 private:
  static constexpr std::size_t kMaxRoutes = 1024;
  struct Entry {
    net::UdpSocket* socket = nullptr;
    std::weak_ptr<PoolSocket> owner;
    bool pooled = false;
    net::Address address;
  };
  struct Lingering {
    std::shared_ptr<PoolSocket> socket;
    Instant until;
  };

  void let_go();

  Endpoint& endpoint_;
  Scheduler& scheduler_;
  BoundedMap<crypto::PublicKey, Entry> entries_;
  std::vector<Lingering> lingering_;  // each socket once, the first to go first
  Timer timer_;
};

}  // namespace hsfwd::hyperdht
