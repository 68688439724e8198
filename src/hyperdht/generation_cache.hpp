// SPDX-License-Identifier: Apache-2.0
// Caches of two generations, as storing nodes keep them: what is added is young; every two thirds of
// the maximum age, or when the young are too many, the old are thrown away and the young become old.
// So entries live 0.66 to 1.33 times the maximum age, and memory is bounded by twice the size.
#pragma once

#include <functional>
#include <unordered_map>

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

template <class K, class V, class Hash>
class GenerationCache {
 public:
  GenerationCache(Scheduler& scheduler, std::size_t max_size, Duration max_age, Hash hash)
      : max_size_(max_size),
        young_(0, hash),
        old_(0, hash),
        clock_(scheduler, max_age, [this] { turn(); }) {}

  void set(const K& key, V value) {
    old_.erase(key);
    young_[key] = std::move(value);
    if (young_.size() >= max_size_) clock_.turn_now();
  }
  /// What is read is young again. The pointer is good until the next call.
  V* get(const K& key) {
    if (const auto young = young_.find(key); young != young_.end()) return &young->second;
    auto node = old_.extract(key);
    if (node.empty()) return nullptr;
    return &young_.insert(std::move(node)).position->second;
  }
  void erase(const K& key) {
    young_.erase(key);
    old_.erase(key);
  }
  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  void turn() {
    old_.clear();
    std::swap(old_, young_);
  }

  using Map = std::unordered_map<K, V, Hash>;
  const std::size_t max_size_;
  Map young_;
  Map old_;
  GenerationClock clock_;
};

}  // namespace hsfwd::hyperdht
