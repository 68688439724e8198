// SPDX-License-Identifier: Apache-2.0
// What may be done at a rate: tokens come back evenly, up to a number that may be spent at once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "util/check.hpp"
#include "util/hash.hpp"
#include "util/time.hpp"

namespace hsfwd {

struct TokenRate {
  double per_second = 0;
  double capacity = 0;  // at once
};

class TokenBucket {
 public:
  /// Full.
  constexpr explicit TokenBucket(const TokenRate& rate) : rate_(rate), level_(rate.capacity) {}
  /// Empty at `now`.
  constexpr TokenBucket(const TokenRate& rate, Instant now) : rate_(rate), level_(0), at_(now) {}

  constexpr double level(Instant now) const {
    const double back = rate_.per_second * std::max(0.0, (now - at_).to_seconds());
    return std::min(level_ + back, rate_.capacity);
  }
  /// All of them or none.
  constexpr bool try_take(Instant now, double tokens) {
    if (level(now) < tokens) return false;
    take(now, tokens);
    return true;
  }
  /// Also on credit: the level may fall below nothing.
  constexpr void take(Instant now, double tokens) {
    level_ = level(now) - tokens;
    at_ = now;
  }

 private:
  TokenRate rate_;
  double level_;
  Instant at_;
};

/// A bucket for each of many keys, in bounded memory. Where more keys are about than there is room
/// for, those that have spent least are forgotten first, since a forgotten key begins full; and
/// room is made, up to `max_size`, only when what would be forgotten counts.
class TokenBuckets {
 public:
  /// `hash_key` is secret, so that nobody can choose keys that share a place. `max_size`: a power
  /// of two.
  TokenBuckets(const TokenRate& rate, std::size_t max_size, std::uint64_t hash_key)
      : rate_(rate), max_sets_(max_size / kWays), hash_key_(hash_key) {
    HSFWD_CHECK(max_sets_ > 0 && (max_sets_ & (max_sets_ - 1)) == 0);
  }

  double level(std::uint64_t key, Instant now) const {
    const Place* place = const_cast<TokenBuckets*>(this)->find(key);
    return place != nullptr ? level(*place, now) : rate_.capacity;
  }
  /// Also on credit.
  void take(std::uint64_t key, Instant now, double tokens) {
    Place* place = find(key);
    if (place == nullptr) place = &make_place(key, now);
    place->level = static_cast<float>(level(*place, now) - tokens);
    place->at = now;
  }
  bool try_take(std::uint64_t key, Instant now, double tokens) {
    if (level(key, now) < tokens) return false;
    take(key, now, tokens);
    return true;
  }
  /// Places in memory.
  std::size_t capacity() const { return sets_.size() * kWays; }

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kFirstSets = 8;
  struct Place {
    std::uint64_t key = 0;
    Instant at;
    float level = 0;
    bool used = false;
  };
  using Set = std::array<Place, kWays>;

  double level(const Place& place, Instant now) const {
    if (!place.used) return rate_.capacity;
    const double back = rate_.per_second * std::max(0.0, (now - place.at).to_seconds());
    return std::min(static_cast<double>(place.level) + back, rate_.capacity);
  }
  Set& set_of(std::uint64_t key) { return sets_[mixed(key, hash_key_) & (sets_.size() - 1)]; }
  Place* find(std::uint64_t key) {
    if (sets_.empty()) return nullptr;
    for (Place& place : set_of(key)) {
      if (place.used && place.key == key) return &place;
    }
    return nullptr;
  }
  Place& fullest(std::uint64_t key, Instant now) {
    Set& set = set_of(key);
    return *std::max_element(set.begin(), set.end(), [&](const Place& a, const Place& b) {
      return level(a, now) < level(b, now);
    });
  }
  Place& make_place(std::uint64_t key, Instant now) {
    if (sets_.empty()) sets_.resize(std::min(kFirstSets, max_sets_));
    Place* place = &fullest(key, now);
    while (level(*place, now) < rate_.capacity / 2 && sets_.size() < max_sets_) {
      grow(now);
      place = &fullest(key, now);
    }
    *place = {key, now, static_cast<float>(rate_.capacity), true};
    return *place;
  }
  void grow(Instant now) {
    std::vector<Set> old(sets_.size() * 2);
    old.swap(sets_);
    for (const Set& set : old) {
      for (const Place& place : set) {
        if (place.used) fullest(place.key, now) = place;
      }
    }
  }

  TokenRate rate_;
  std::size_t max_sets_;
  std::uint64_t hash_key_;
  std::vector<Set> sets_;
};

}  // namespace hsfwd
