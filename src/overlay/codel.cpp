// SPDX-License-Identifier: Apache-2.0
#include "overlay/codel.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::overlay {

bool CodelQueue::is_within(std::size_t more_packets, std::size_t more_bytes) const {
  return size() + more_packets <= limits_.packets && bytes_ + more_bytes <= limits_.bytes;
}

void CodelQueue::push(ByteView packet, Instant now) {
  drop_old(now);
  const std::size_t memory = PacketPool::memory_of(packet.size());
  const bool fits = memory <= limits_.bytes && limits_.packets > 0;
  while (fits && !empty() && !(is_within(1, memory) && pool_.has(memory))) {
    drop_oldest(drops_.full);
  }
  PooledBuffer copy = fits ? pool_.copy(packet) : PooledBuffer();
  if (!copy) {
    ++drops_.full;
    return;
  }
  bytes_ += copy.size();
  waiting_bytes_ += packet.size();
  max_packet_ = std::max(max_packet_, packet.size());
  waiting_.push_back(Stored{std::move(copy), packet.size(), now});
}

std::span<const MutableBytes> CodelQueue::front(Instant now) {
  drop_old(now);
  while (ready_.size() < kMaxBatch) {
    codel_.drop_late(
        now, [this] { return next_since(); }, [this] { drop_waiting(drops_.codel); });
    if (waiting_.empty()) break;
    waiting_bytes_ -= waiting_.front().size;
    ready_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    views_[i] = PacketPool::packet_in(ready_[i].buffer, ready_[i].size);
  }
  return std::span(views_).first(ready_.size());
}

void CodelQueue::pop(std::size_t count) {
  HSFWD_CHECK(count <= ready_.size());
  for (; count > 0; --count) {
    bytes_ -= ready_.front().buffer.size();
    ready_.pop_front();
  }
}

void CodelQueue::set_limits(const QueueLimits& limits) {
  limits_ = limits;
  while (!is_within(0, 0)) drop_oldest(drops_.full);
}

void CodelQueue::clear() {
  ready_.clear();
  waiting_.clear();
  bytes_ = waiting_bytes_ = 0;
  codel_.reset();
}

void CodelQueue::drop_oldest(std::uint64_t& counter) {
  if (ready_.empty()) {
    drop_waiting(counter);
    return;
  }
  pop(1);
  ++counter;
}

void CodelQueue::drop_waiting(std::uint64_t& counter) {
  bytes_ -= waiting_.front().buffer.size();
  waiting_bytes_ -= waiting_.front().size;
  waiting_.pop_front();
  ++counter;
}

void CodelQueue::drop_old(Instant now) {
  while (!empty()) {
    const Stored& oldest = ready_.empty() ? waiting_.front() : ready_.front();
    if (now - oldest.since <= limits_.age) return;
    drop_oldest(drops_.old);
  }
}

std::optional<Instant> CodelQueue::next_since() const {
  if (waiting_.empty()) return std::nullopt;
  const Stored& next = waiting_.front();
  // With no more than one packet behind it, the queue is as short as it can be.
  if (waiting_bytes_ - next.size <= max_packet_) return std::nullopt;
  return next.since;
}

}  // namespace hsfwd::overlay
