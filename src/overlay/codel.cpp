// SPDX-License-Identifier: Apache-2.0
#include "overlay/codel.hpp"

#include <algorithm>
#include <cmath>

#include "util/check.hpp"

namespace hsfwd::overlay {

namespace {

Instant control_law(Instant from, std::uint32_t count) {
  const auto interval = static_cast<double>(CodelQueue::kInterval.to_micros());
  return from + Duration::micros(static_cast<std::int64_t>(interval / std::sqrt(count)));
}

}  // namespace

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
    drop_late(now);
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
  first_above_time_.reset();
  dropping_ = false;
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

/// dodequeue() of RFC 8289, but that the packet stays where it is: whether it may be dropped.
bool CodelQueue::may_drop(Instant now) {
  if (waiting_.empty()) {
    first_above_time_.reset();
    return false;
  }
  const Stored& next = waiting_.front();
  // With no more than one packet behind it, the queue is as short as it can be.
  if (now - next.since < kTarget || waiting_bytes_ - next.size <= max_packet_) {
    first_above_time_.reset();
    return false;
  }
  if (!first_above_time_) {
    first_above_time_ = now + kInterval;
    return false;
  }
  return now >= *first_above_time_;
}

void CodelQueue::enter_dropping(Instant now) {
  dropping_ = true;
  // Soon after the last time, the rate that was right then is a good one to begin with.
  const std::uint32_t delta = count_ - last_count_;
  const bool is_soon = now - drop_next_ < kInterval * 16;
  count_ = delta > 1 && is_soon ? delta : 1;
  drop_next_ = control_law(now, count_);
  last_count_ = count_;
}

/// deque() of RFC 8289 up to the packet that it returns, which is the first of waiting_ then.
void CodelQueue::drop_late(Instant now) {
  bool may = may_drop(now);
  if (!dropping_) {
    if (!may) return;
    drop_waiting(drops_.codel);
    may_drop(now);
    enter_dropping(now);
    return;
  }
  dropping_ = may;
  while (dropping_ && now >= drop_next_) {
    drop_waiting(drops_.codel);
    ++count_;
    may = may_drop(now);
    dropping_ = may;
    if (may) drop_next_ = control_law(drop_next_, count_);
  }
}

}  // namespace hsfwd::overlay
