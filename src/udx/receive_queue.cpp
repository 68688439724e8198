// SPDX-License-Identifier: Apache-2.0
#include "udx/receive_queue.hpp"

#include <algorithm>

namespace hsfwd::udx {

bool ReceiveQueue::seen(SeqNo seq) const {
  const std::int32_t ahead = seq - next_;
  if (ahead < 0) return true;
  const auto index = static_cast<std::size_t>(ahead);
  return index < slots_.size() && slots_[index].present;
}

void ReceiveQueue::advance() {
  next_ = next_.next();
  if (!slots_.empty()) slots_.pop_front();
  if (!ranges_.empty() && ranges_.front().start < next_) {
    SeqRange& first = ranges_.front();
    first.start = next_;
    if (first.start >= first.end) ranges_.erase(ranges_.begin());
  }
}

void ReceiveQueue::keep(SeqNo seq, ByteView payload, bool has_data) {
  const auto index = static_cast<std::size_t>(seq - next_);
  while (slots_.size() <= index) slots_.push_back({});
  Slot& slot = slots_[index];
  slot.present = true;
  slot.kept.has_data = has_data;
  slot.kept.size = payload.size();
  if (!payload.empty()) {
    slot.kept.memory = pool_.take();
    copy_bytes(payload, slot.kept.memory.bytes());
    kept_bytes_ += payload.size();
    ++kept_buffers_;
  }
  add_to_ranges(seq);
}

ReceiveQueue::Kept ReceiveQueue::take() {
  Kept kept = std::move(slots_.front().kept);
  kept_bytes_ -= kept.size;
  if (kept.memory) --kept_buffers_;
  advance();
  return kept;
}

void ReceiveQueue::add_to_ranges(SeqNo seq) {
  // The first range that ends at or behind the packet; nearly always the last one, or none.
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), seq,
                             [](const SeqRange& r, SeqNo s) { return r.end < s; });
  if (at != ranges_.end() && at->end == seq) {
    at->end = seq.next();
    const auto following = at + 1;
    if (following != ranges_.end() && following->start == at->end) {
      at->end = following->end;
      ranges_.erase(following);
    }
  } else if (at != ranges_.end() && at->start == seq.next()) {
    at->start = seq;
  } else {
    ranges_.insert(at, SeqRange{seq, seq.next()});
  }
}

}  // namespace hsfwd::udx
