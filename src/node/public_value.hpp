// SPDX-License-Identifier: Apache-2.0
// The one value that the owner of a key can keep in the DHT: signed by the key, numbered, and readable
// by whoever knows the public key. docs/protocol/hyperdht.md sections 2 and 5.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "node/keys.hpp"
#include "util/bytes.hpp"

namespace hsfwd {

class Node;

/// Asks for the newest value of a key. Its callback may retire it, and not destroy it; destroying it
/// calls the search off.
class FindValue {
 public:
  /// Nothing: no node that answered has one. What is there was written by the owner of the key, whoever
  /// that is, and has at most the size of a datagram.
  using Done = std::function<void(const std::optional<Bytes>& value)>;

  FindValue(Node& node, const PublicKey& key, Done done);
  ~FindValue();
  FindValue(const FindValue&) = delete;
  FindValue& operator=(const FindValue&) = delete;

  void start();
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Keeps a value in the DHT as long as it lives: stores it at once, and again from time to time, for the
/// nodes that have it forget it or go. Another value of the same key is replaced.
class KeptValue {
 public:
  /// With each attempt that is over, whether any node has taken it. What failed is tried again soon.
  using OnStored = std::function<void(bool stored)>;

  KeptValue(Node& node, const KeyPair& keys, Bytes value, OnStored on_stored);
  ~KeptValue();
  KeptValue(const KeptValue&) = delete;
  KeptValue& operator=(const KeptValue&) = delete;

  void start();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hsfwd
