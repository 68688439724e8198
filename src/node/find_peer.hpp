// SPDX-License-Identifier: Apache-2.0
// Questions to the DHT that make no connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "net/address.hpp"
#include "node/keys.hpp"
#include "util/time.hpp"

namespace hsfwd {

class Node;

/// A search for the nodes that a peer is announced at, its introducers. Its callbacks may retire it,
/// and not destroy it; destroying it calls the search off.
class FindPeer {
 public:
  /// With each introducer, as it is found.
  using OnFound = std::function<void(const net::Address& introducer)>;
  /// At the end, with how many were found.
  using OnDone = std::function<void(std::size_t found)>;

  FindPeer(Node& node, const PublicKey& peer, OnFound on_found, OnDone on_done);
  ~FindPeer();
  FindPeer(const FindPeer&) = delete;
  FindPeer& operator=(const FindPeer&) = delete;

  void start();
  void cancel();
  /// Nodes that have answered.
  std::uint64_t asked() const;
  /// The longest chain of them, each of which named the next.
  std::uint64_t hops() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Asks one node of the DHT for a sign of life. Destroying it calls that off.
class NodePing {
 public:
  /// How long the answer took; nothing: there was none.
  using Done = std::function<void(std::optional<Duration> rtt)>;

  NodePing(Node& node, Done done);
  ~NodePing();
  NodePing(const NodePing&) = delete;
  NodePing& operator=(const NodePing&) = delete;

  void start(const net::Address& to);
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hsfwd
