// SPDX-License-Identifier: Apache-2.0
#include "udx/receive_window.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::udx {

namespace {
// Beyond any window that was advertised: what a sender starts with before it has heard of one, and
// the packet that any open window lets through.
constexpr std::size_t kSlack = 64 * 1024;
// Bytes that the window opens by for each that is read.
constexpr std::uint64_t kGrowth = 4;
}  // namespace

ReceiveWindow::ReceiveWindow(Budget& budget, const ReceiveQueue& early, std::size_t first,
                             std::size_t most)
    : early_(early), first_(first), most_(most), budget_(budget), account_(budget) {
  promised_until_ = announced_ = limit();
}

/// What may be held unread. A share that shrinks takes nothing back that was promised: the window
/// stays closed until so much is read.
std::size_t ReceiveWindow::limit() const {
  const std::uint64_t opened = first_ + kGrowth * consumed_;
  const auto own = static_cast<std::size_t>(std::min<std::uint64_t>(most_, opened));
  return std::min(own, budget_.share());
}

std::uint32_t ReceiveWindow::open(std::size_t limit) const {
  const std::size_t used = unread_ + early_.kept_bytes();
  return static_cast<std::uint32_t>(used >= limit ? 0 : limit - used);
}

std::uint32_t ReceiveWindow::promise() {
  const std::size_t most = limit();
  promised_until_ = std::max<std::uint64_t>(promised_until_, consumed_ + most);
  return open(most);
}

bool ReceiveWindow::worth_announcing() const {
  const std::size_t most = limit();
  const std::size_t step = most / 4;
  return announced_ <= step && open(most) >= announced_ + step;
}

bool ReceiveWindow::promised(std::size_t payload) const {
  return taken_ + payload <= promised_until_ + kSlack;
}

bool ReceiveWindow::may_keep_another() const {
  return early_.kept_memory() < most_ * 2 + kSlack;
}

void ReceiveWindow::on_consumed(std::size_t size) {
  HSFWD_CHECK(size <= unread_);
  unread_ -= size;
  consumed_ += size;
  charge();
}

void ReceiveWindow::set_memory_above(std::size_t bytes) {
  memory_above_ = bytes;
  charge();
}

void ReceiveWindow::charge() {
  account_.set(std::max(unread_, memory_above_) + early_.kept_memory());
}

}  // namespace hsfwd::udx
