// SPDX-License-Identifier: Apache-2.0
// A queue in one block of memory that is kept and doubled, so that steady traffic allocates nothing.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "util/check.hpp"

namespace hsfwd {

template <class T>
class Ring {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  T& operator[](std::size_t i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  const T& operator[](std::size_t i) const { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  /// The next push_back allocates nothing.
  void make_room() {
    if (size_ == slots_.size()) grow();
  }
  T& push_back(T value) {
    make_room();
    T& slot = (*this)[size_++];
    slot = std::move(value);
    return slot;
  }

  void pop_front() {
    HSFWD_CHECK(size_ > 0);
    slots_[first_] = T{};
    first_ = (first_ + 1) & (slots_.size() - 1);
    --size_;
  }

  void clear() {
    while (!empty()) pop_front();
  }

  /// Of an empty queue: gives the memory back, if it is for more than `kept`.
  void shrink(std::size_t kept) {
    HSFWD_CHECK(empty());
    if (slots_.size() <= kept) return;
    slots_ = std::vector<T>();
    first_ = 0;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 16;

  void grow() {
    std::vector<T> larger(slots_.empty() ? kFirstCapacity : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hsfwd
