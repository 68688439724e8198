// SPDX-License-Identifier: Apache-2.0
// What is remembered of so many at most: where there is one too many, the one that was noted longest
// ago is forgotten. Looking up is no noting, so that who only asks keeps nobody in it.
//
// Not for what strangers fill at no cost to themselves, who would have all others forgotten: there
// a host has its share (hyperdht/store/shares.hpp), or who has spent least is forgotten
// (util/token_bucket.hpp).
#pragma once

#include <iterator>
#include <list>
#include <map>
#include <utility>

#include "util/check.hpp"

namespace hsfwd {

/// Ordered keys, since hashes of keys that others choose would have to be secret ones. References
/// to values are good until their entry goes.
template <class K, class V>
class BoundedMap {
 public:
  explicit BoundedMap(std::size_t capacity) : capacity_(capacity) { HSFWD_CHECK(capacity > 0); }

  V* find(const K& key) {
    const auto found = index_.find(key);
    return found != index_.end() ? &found->second->second : nullptr;
  }
  const V* find(const K& key) const { return const_cast<BoundedMap*>(this)->find(key); }
  bool contains(const K& key) const { return index_.contains(key); }

  /// The entry of the key, a new one if there is none. It is the newest from now on.
  V& note(const K& key) {
    if (const auto found = index_.find(key); found != index_.end()) {
      by_age_.splice(by_age_.end(), by_age_, found->second);
      return found->second->second;
    }
    if (index_.size() >= capacity_) erase(K(by_age_.front().first));
    by_age_.emplace_back(key, V());
    index_.emplace(key, std::prev(by_age_.end()));
    return by_age_.back().second;
  }
  void erase(const K& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    by_age_.erase(found->second);
    index_.erase(found);
  }
  void clear() {
    index_.clear();
    by_age_.clear();
  }
  std::size_t size() const { return index_.size(); }

 private:
  using Entries = std::list<std::pair<K, V>>;  // oldest first
  const std::size_t capacity_;
  Entries by_age_;
  std::map<K, typename Entries::iterator> index_;
};

}  // namespace hsfwd
