// SPDX-License-Identifier: Apache-2.0
// Who takes how much of a store, so that one host, or one network, cannot fill it and push out what
// the others have there.
#pragma once

#include <unordered_map>

#include "net/address.hpp"

namespace hsfwd::hyperdht {

class Shares {
 public:
  /// Bytes, all hosts together.
  explicit Shares(std::size_t capacity) : capacity_(capacity) {}

  /// False, and nothing is counted, beyond what the host, or its /24, may take.
  bool take(net::Ipv4 host, std::size_t bytes);
  void give_back(net::Ipv4 host, std::size_t bytes);
  void clear();

  std::size_t used() const { return used_; }
  bool full() const { return used_ >= capacity_; }

  // Sixteen hosts, from at least four networks, can fill a store; a host that answers for hundreds
  // behind it still has room for hundreds of entries on each of the twenty nodes next to a key.
  static constexpr std::size_t kOfHost = 16;
  static constexpr std::size_t kOfNetwork = 4;
  /// Of a host that is private or loopback, where whole networks are tried out on one.
  static constexpr std::size_t kOfLocalHost = 4;

 private:
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> hosts_;
  std::unordered_map<std::uint32_t, std::size_t> networks_;  // by the first three bytes
};

}  // namespace hsfwd::hyperdht
