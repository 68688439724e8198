// SPDX-License-Identifier: Apache-2.0
// The allocator of a test program, which fails when it is told to. Included once in a program.
#pragma once

#include <cstdlib>
#include <new>

namespace hsfwd {

/// While it lives, the allocation after so many others fails, and only that one.
class FailingAllocator {
 public:
  explicit FailingAllocator(std::size_t after) {
    left() = static_cast<long>(after);
    failed() = false;
  }
  ~FailingAllocator() { left() = kNever; }
  FailingAllocator(const FailingAllocator&) = delete;
  FailingAllocator& operator=(const FailingAllocator&) = delete;

  static bool has_failed() { return failed(); }
  static bool fails_now() {
    if (left() == kNever || left()-- > 0) return false;
    left() = kNever;
    failed() = true;
    return true;
  }

 private:
  static constexpr long kNever = -1;
  static long& left() {
    static long n = kNever;
    return n;
  }
  static bool& failed() {
    static bool yes = false;
    return yes;
  }
};

}  // namespace hsfwd

void* operator new(std::size_t size) {
  void* const memory = hsfwd::FailingAllocator::fails_now() ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// All forms, since a sanitizer has forms of its own that do not call these.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return hsfwd::FailingAllocator::fails_now() ? nullptr : std::malloc(size);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
