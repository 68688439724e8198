// SPDX-License-Identifier: Apache-2.0
// Caches of two generations, as storing nodes keep them: what is added is young; every two thirds
// of the maximum age, or when the young are too many, the old are thrown away and the young become
// old. So entries live 0.66 to 1.33 times the maximum age, and memory is bounded by twice the
// capacity.
//
// Differs from upstream: sizes are bytes and not entries, and each host has a share.
#pragma once

#include <functional>
#include <unordered_map>

#include "hyperdht/store/shares.hpp"
#include "util/check.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

/// When the generations turn. A generation that was turned because it was full is left alone by the
/// next tick.
class GenerationClock {
 public:
  GenerationClock(Scheduler& scheduler, Duration max_age, std::function<void()> turn)
      : interval_(max_age * 2 / 3), turn_(std::move(turn)), timer_(scheduler, [this] { tick(); }) {
    timer_.start(interval_);
  }
  void turn_now() {
    turn_();
    turned_ = true;
  }

 private:
  void tick() {
    timer_.start(interval_);
    if (!turned_) turn_();
    turned_ = false;
  }

  Duration interval_;
  std::function<void()> turn_;
  bool turned_ = false;
  Timer timer_;
};

/// Bytes that an entry takes beside what it holds: the node of the map, its place in the table, and
/// what the allocator adds.
inline constexpr std::size_t kEntryOverhead = 128;

template <class K, class V, class Hash>
class GenerationCache {
 public:
  /// `capacity` is in bytes, of each generation.
  GenerationCache(Scheduler& scheduler, std::size_t capacity, Duration max_age, Hash hash)
      : capacity_(capacity),
        young_(hash, capacity),
        old_(hash, capacity),
        clock_(scheduler, max_age, [this] { turn(); }) {}

  /// At the cost of `owner`; `size` is what the value holds. False, and nothing changes, if the
  /// owner has his share already.
  bool set(const K& key, V value, net::Ipv4 owner, std::size_t size) {
    const std::size_t bytes = size + sizeof(V) + kEntryOverhead;
    const auto known = young_.entries.find(key);
    if (known != young_.entries.end()) {
      Entry& entry = known->second;
      young_.shares.give_back(entry.owner, entry.bytes);
      if (!young_.shares.take(owner, bytes)) {
        HSFWD_CHECK(young_.shares.take(entry.owner, entry.bytes));
        return false;
      }
      entry = {std::move(value), owner, bytes};
    } else {
      if (!young_.shares.take(owner, bytes)) return false;
      young_.entries.emplace(key, Entry{std::move(value), owner, bytes});
    }
    old_.erase(key);
    if (young_.shares.full()) clock_.turn_now();
    return true;
  }
  /// What is read is young again, where its owner's share allows. The pointer is good until the
  /// next call.
  V* get(const K& key) {
    if (const auto young = young_.entries.find(key); young != young_.entries.end()) {
      return &young->second.value;
    }
    const auto old = old_.entries.find(key);
    if (old == old_.entries.end()) return nullptr;
    Entry& entry = old->second;
    if (young_.shares.used() + entry.bytes >= capacity_ ||
        !young_.shares.take(entry.owner, entry.bytes)) {
      return &entry.value;
    }
    old_.shares.give_back(entry.owner, entry.bytes);
    return &young_.entries.insert(old_.entries.extract(old)).position->second.value;
  }
  void erase(const K& key) {
    young_.erase(key);
    old_.erase(key);
  }
  std::size_t size() const { return young_.entries.size() + old_.entries.size(); }
  std::size_t bytes() const { return young_.shares.used() + old_.shares.used(); }

 private:
  struct Entry {
    V value;
    net::Ipv4 owner;
    std::size_t bytes = 0;
  };
  struct Generation {
    Generation(Hash hash, std::size_t capacity) : entries(0, hash), shares(capacity) {}
    void erase(const K& key) {
      const auto found = entries.find(key);
      if (found == entries.end()) return;
      shares.give_back(found->second.owner, found->second.bytes);
      entries.erase(found);
    }
    std::unordered_map<K, Entry, Hash> entries;
    Shares shares;
  };

  void turn() {
    old_.entries.clear();
    old_.shares.clear();
    std::swap(old_, young_);
  }

  const std::size_t capacity_;
  Generation young_;
  Generation old_;
  GenerationClock clock_;
};

}  // namespace hsfwd::hyperdht
