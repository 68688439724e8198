// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>

#include "net/address.hpp"

namespace hsfwd::hyperdht {

/// Which session of a server makes room when there are too many:
///
/// - one that is over, the oldest first;
/// - then, while strangers hold more than half of the room, a stranger, else one whose client has
/// shown
///   a sign of life;
/// - among these the oldest of the host that has most in a network (/24) above its share, else the
///   oldest of all.
///
/// So one host, or one network of them, pushes out its own sessions. Against addresses that are
/// made up, each of them new, a sign of life protects, which nobody gives who does not hear what is
/// sent there.
class EvictionOrder {
 public:
  using Id = std::size_t;
  enum class Standing { kOver, kStranger, kAlive };

  explicit EvictionOrder(std::size_t capacity) : capacity_(capacity) {}

  /// `host` is whom the session is put down to.
  void add(Id id, net::Ipv4 host, Standing standing);
  void change(Id id, Standing standing);
  /// Nothing happens if it is not there.
  void remove(Id id);
  std::optional<Id> next() const;

  std::size_t size() const { return entries_.size(); }
  bool full() const { return size() >= capacity_; }

  // A sixteenth of a full house: far more than a household or an office begins at once.
  static constexpr std::size_t kShare = 64;

 private:
  using Number = std::uint64_t;  // in the order of arrival
  struct Entry {
    net::Ipv4 host;
    Standing standing = Standing::kStranger;
    Number number = 0;
  };
  struct Crowd {
    std::map<Number, Id> by_age;
    std::map<net::Ipv4, std::set<Number>> by_host;

    void add(const Entry& entry, Id id);
    void remove(const Entry& entry);
    std::size_t size() const { return by_age.size(); }
    Id oldest() const { return by_age.begin()->second; }
    Id next() const;
  };

  Crowd& crowd(Standing standing) { return crowds_.at(static_cast<std::size_t>(standing)); }
  const Crowd& crowd(Standing standing) const {
    return crowds_.at(static_cast<std::size_t>(standing));
  }

  const std::size_t capacity_;
  std::map<Id, Entry> entries_;
  std::array<Crowd, 3> crowds_;
  Number next_number_ = 0;
};

}  // namespace hsfwd::hyperdht
