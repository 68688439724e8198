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
// 1 Gbit/s over a quarter of a second, and as much again while losses are repaired.
constexpr std::size_t kMostGrown = 64 * 1024 * 1024;
// Wake-ups of this process are what is seen below the first. A peer that answers late, so that much comes in what it
// makes us take for a round trip, gains nothing by more than the second.
constexpr Duration kLeastRound = 1_ms;
constexpr Duration kMostRound = 1_s;
// Of the window, that is not read while the reader keeps up: what a local socket takes at once.
constexpr std::size_t kKeptUp = 4;  // one part in
// Of the window, that a sender which it limits may have left: packets that do not fit, or are lost.
constexpr std::size_t kUsedUp = 8;  // one part in
// A round trip that brings less than one part in so many shows that the path is not what it was.
constexpr std::uint64_t kTooMuch = 8;
constexpr std::size_t kShrink = 16;  // one part in, a round trip
}  // namespace

ReceiveWindow::ReceiveWindow(Budget& budget, const ReceiveQueue& early, std::size_t first,
                             std::size_t most)
    : early_(early), first_(first), most_(most), whole_(most), budget_(budget), account_(budget) {
  promised_until_ = announced_ = limit();
}

/// What may be held unread. A share that shrinks takes nothing back that was promised: the window
/// stays closed until so much is read.
std::size_t ReceiveWindow::limit() const {
  const std::uint64_t opened = first_ + kGrowth * consumed_;
  const auto own = static_cast<std::size_t>(std::min<std::uint64_t>(whole_, opened));
  return std::min(own, own <= most_ ? budget_.share() : budget_.large_share());
}

void ReceiveWindow::adapt(Instant now, Duration round_trip) {
  if (!grows_) return;
  const Duration round = std::clamp(round_trip, kLeastRound, kMostRound);
  const Duration elapsed = now - round_began_;
  if (elapsed < round) return;
  const double came =
      static_cast<double>(taken_ - taken_before_) * round.to_seconds() / elapsed.to_seconds();
  end_round(static_cast<std::uint64_t>(came));
  round_began_ = now;
  taken_before_ = taken_;
  promised_before_ = promised_until_;
}

void ReceiveWindow::end_round(std::uint64_t came) {
  if (came * kTooMuch < whole_) {
    whole_ = std::max(most_, whole_ - whole_ / kShrink);
    return;
  }
  // What the sender knew of a round trip ago is what it could send until now.
  const bool used_up = taken_ + whole_ / kUsedUp >= promised_before_;
  const bool kept_up = unread_ <= whole_ / kKeptUp;
  if (!used_up || !kept_up) return;
  const std::uint64_t wanted = std::max<std::uint64_t>(2 * whole_, kGrowth * came);
  whole_ = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, kMostGrown));
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
  return early_.kept_memory() < whole_ * 2 + kSlack;
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
