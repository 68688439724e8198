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
  /// Takes the lowest free number.
  std::size_t insert(std::unique_ptr<T> object) {
    std::size_t slot = slots_.size();
    if (free_.empty()) {
      slots_.push_back(std::move(object));
    } else {
      slot = *free_.begin();
      free_.erase(free_.begin());
      slots_[slot] = std::move(object);
    }
    ++size_;
    return slot;
  }

  T* find(std::size_t slot) const { return slot < slots_.size() ? slots_[slot].get() : nullptr; }

  std::unique_ptr<T> take(std::size_t slot) {
    HSFWD_CHECK(find(slot) != nullptr);
    std::unique_ptr<T> object = std::move(slots_[slot]);
    free_.insert(slot);
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
