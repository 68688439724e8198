// SPDX-License-Identifier: Apache-2.0
#include "platform/memory_reserve.hpp"

#include <memory>
#include <new>
#include <utility>

namespace hsfwd::platform {

namespace {

constexpr std::size_t kReserve = 512 * 1024;  // bytes

std::unique_ptr<char[]> reserve;
bool used = false;

void fill() {
  if (!reserve) reserve.reset(new (std::nothrow) char[kReserve]);
}

void on_failed_allocation() {
  reserve.reset();
  used = true;
  throw std::bad_alloc();
}

}  // namespace

MemoryReserve::MemoryReserve(std::function<void()> on_used) : on_used_(std::move(on_used)) {
  fill();
  std::set_new_handler(on_failed_allocation);
}

MemoryReserve::~MemoryReserve() {
  std::set_new_handler(nullptr);
  reserve.reset();
}

void MemoryReserve::restore() {
  if (!std::exchange(used, false)) return;
  fill();
  used = false;  // by what may have failed right now
  try {
    on_used_();
  } catch (const std::bad_alloc&) {
    // It will be told another time.
  }
}

}  // namespace hsfwd::platform
