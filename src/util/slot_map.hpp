// SPDX-License-Identifier: Apache-2.0
// Objects under small numbers: the lowest free one is handed out first.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "util/check.hpp"

namespace hsfwd {

template <class T>
class SlotMap {
 public:
  /// Reserves the lowest free number for an object that needs to know it first; put() or release()
  /// follows.
  std::size_t reserve() {
    if (free_.empty()) {
      slots_.emplace_back();
      return slots_.size() - 1;
    }
    const std::size_t slot = *free_.begin();
    free_.erase(free_.begin());
    return slot;
  }
  void put(std::size_t slot, std::unique_ptr<T> object) {
    HSFWD_CHECK(find(slot) == nullptr && !free_.contains(slot));
    slots_[slot] = std::move(object);
    ++size_;
  }
  void release(std::size_t slot) { free_.insert(slot); }

  T* find(std::size_t slot) const { return slot < slots_.size() ? slots_[slot].get() : nullptr; }

  std::unique_ptr<T> take(std::size_t slot) {
    HSFWD_CHECK(find(slot) != nullptr);
    std::unique_ptr<T> object = std::move(slots_[slot]);
    release(slot);
    --size_;
    return object;
  }

  std::size_t size() const { return size_; }

  template <class F>
  void for_each(F&& visit) const {
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot]) visit(slot, *slots_[slot]);
    }
  }

 private:
  std::vector<std::unique_ptr<T>> slots_;
  std::set<std::size_t> free_;
  std::size_t size_ = 0;
};

}  // namespace hsfwd
