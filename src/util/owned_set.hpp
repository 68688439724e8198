// SPDX-License-Identifier: Apache-2.0
// Objects that end one by one and by themselves, most of them from inside a callback of their own:
// requests, sessions, peers that are being turned away.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "util/scheduler.hpp"

namespace hsfwd {

/// In the order in which they came. Destroying the set destroys them at once. A T has a cancel(), as
/// Scheduler::retire() asks for.
template <class T>
class OwnedSet {
 public:
  explicit OwnedSet(Scheduler& scheduler) : scheduler_(scheduler) {}

  T& add(std::unique_ptr<T> object) { return *objects_.emplace_back(std::move(object)); }
  template <class... Args>
  T& emplace(Args&&... args) {
    return add(std::make_unique<T>(std::forward<Args>(args)...));
  }

  /// Takes it out and cancels it at once; it is deleted at the end of the dispatch, and can be read
  /// until then. Nothing happens if it is retired already.
  void retire(const T& object) {
    const auto at = std::find_if(objects_.begin(), objects_.end(),
                                 [&](const auto& other) { return other.get() == &object; });
    if (at == objects_.end()) return;
    std::unique_ptr<T> ended = std::move(*at);
    objects_.erase(at);
    scheduler_.retire(std::move(ended));
  }
  void retire_all() {
    for (auto& object : std::exchange(objects_, {})) scheduler_.retire(std::move(object));
  }

  /// Destroys all at once: not from inside one of them.
  void clear() { objects_.clear(); }

  std::size_t size() const { return objects_.size(); }
  bool empty() const { return objects_.empty(); }
  T& front() const { return *objects_.front(); }
  /// Pointers. Nothing may come or go during a walk.
  auto begin() const { return objects_.begin(); }
  auto end() const { return objects_.end(); }

 private:
  Scheduler& scheduler_;
  std::vector<std::unique_ptr<T>> objects_;
};

}  // namespace hsfwd
