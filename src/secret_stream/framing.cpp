// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/framing.hpp"

#include <algorithm>

#include "secret_stream/name_space.hpp"

namespace hsfwd::secret_stream {

StreamId stream_id(const crypto::Hash64& handshake_hash, bool initiator) {
  const crypto::Hash32 space = name_space_of(purpose_of_role(initiator));
  return StreamId::from(crypto::blake2b_256_keyed(handshake_hash.view(), {space.view()}).view());
}

Sender::Sender(const noise::Session& session, const crypto::StreamHeader& header)
    : id_(stream_id(session.hash, session.initiator)),
      header_(header),
      state_(session.tx, header) {}

Bytes Sender::header_frame() const {
  Bytes out(kLengthSize);
  store_le16(out.data(), kHeaderBody);
  append(out, id_.view());
  append(out, header_.view());
  return out;
}

Bytes Sender::end_frame() {
  Bytes frame(kFrameOverhead);
  seal(frame, crypto::StreamTag::kFinal);
  return frame;
}

void Sender::seal(MutableBytes frame, crypto::StreamTag tag) {
  const std::size_t body = frame.size() - kLengthSize;
  HSFWD_CHECK(frame.size() >= kFrameOverhead && body <= kMaxBody);
  frame[0] = static_cast<std::uint8_t>(body);
  frame[1] = static_cast<std::uint8_t>(body >> 8);
  frame[2] = static_cast<std::uint8_t>(body >> 16);
  state_.push(frame.subspan(kLengthSize), tag);
}

Receiver::Receiver(const noise::Session& session, BufferPool& pool, EndMark end,
                   std::size_t max_body)
    : expected_id_(stream_id(session.hash, !session.initiator)),
      key_(session.rx),
      end_(end),
      pool_(pool),
      max_body_(max_body) {}

Result<void, ReceiveError> Receiver::feed(ByteView bytes) {
  while (!bytes.empty()) {
    if (ended_) return Err(ReceiveError::kAfterEnd);
    if (!in_body_) {
      if (!read_length(bytes)) return {};
      if (!state_ && body_size_ != kHeaderBody) return Err(ReceiveError::kBadHeader);
      if (state_ && body_size_ < crypto::kStreamOverhead) return Err(ReceiveError::kBadLength);
      if (body_size_ > max_body_) return Err(ReceiveError::kTooLarge);
      start_body(body_size_);
    }
    const ByteView part = bytes.first(std::min(bytes.size(), body_size_ - body_filled_));
    bytes = bytes.subspan(part.size());
    append_body(part);
    if (body_filled_ < body_size_) continue;
    const auto finished = state_ ? finish_body() : finish_header();
    if (!finished) return finished;
  }
  return {};
}

/// True once the length field is complete.
bool Receiver::read_length(ByteView& bytes) {
  while (length_filled_ < kLengthSize && !bytes.empty()) {
    length_[length_filled_++] = bytes.front();
    bytes = bytes.subspan(1);
  }
  if (length_filled_ < kLengthSize) return false;
  length_filled_ = 0;
  body_size_ = static_cast<std::size_t>(length_[0] | length_[1] << 8 | length_[2] << 16);
  return true;
}

void Receiver::start_body(std::size_t size) {
  in_body_ = true;
  body_filled_ = 0;
  body_credited_ = 0;
  const bool pooled = size <= pool_.buffer_size();
  const bool fits =
      pooled && !slabs_.empty() && current().pooled && pool_.buffer_size() - current().used >= size;
  if (!fits) {
    drop_dead_slabs();
    slabs_.push_back({});
    if (pooled) {
      current().pooled = pool_.take();
    } else {
      ++large_;
    }
  }
  body_offset_ = current().used;
}

void Receiver::append_body(ByteView part) {
  Slab& slab = current();
  if (slab.pooled) {
    copy_bytes(part, {slab.data() + body_offset_ + body_filled_, part.size()});
  } else {
    // Grows with what has come and not by what was announced, which it does not pass.
    const std::size_t needed = body_filled_ + part.size();
    if (needed > slab.own.capacity()) {
      large_memory_ -= slab.own.capacity();
      slab.own.reserve(std::min(body_size_, std::max(2 * slab.own.capacity(), needed)));
      large_memory_ += slab.own.capacity();
    }
    append(slab.own, part);
  }
  body_filled_ += part.size();
}

std::size_t Receiver::large_pending() const {
  const bool pending = in_body_ && body_size_ > pool_.buffer_size() && records_.empty();
  return pending ? body_size_ : 0;
}

void Receiver::credit_large() {
  if (large_pending() == 0) return;
  credit_ += body_filled_ - body_credited_;
  body_credited_ = body_filled_;
}

std::size_t Receiver::memory() const {
  return (slabs_.size() - large_) * pool_.buffer_size() + records_.size() * sizeof(Record);
}

Result<void, ReceiveError> Receiver::finish_header() {
  in_body_ = false;
  const ByteView body(current().data() + body_offset_, body_size_);
  if (!equal(body.first(StreamId::kSize), expected_id_.view())) {
    return Err(ReceiveError::kBadHeader);
  }
  state_.emplace(key_, crypto::StreamHeader::from(body.subspan(StreamId::kSize)));
  credit_ += kHeaderFrame;
  drop_dead_slabs();
  return {};
}

Result<void, ReceiveError> Receiver::finish_body() {
  in_body_ = false;
  Slab& slab = current();
  const auto tag = state_->pull({slab.data() + body_offset_, body_size_});
  const std::size_t plaintext = body_size_ - crypto::kStreamOverhead;
  // Upstream looks at no tag, so without the agreement none means anything.
  const bool final = end_ == EndMark::kSealed && tag == crypto::StreamTag::kFinal;
  if (!tag || (final && plaintext > 0)) return Err(ReceiveError::kBadMessage);
  ended_ = final;
  ++messages_;
  const std::size_t credit = kLengthSize + body_size_ - body_credited_;
  if (plaintext == 0) {
    // A keepalive, or a message without content, which a byte stream does not show.
    credit_ += credit;
    drop_dead_slabs();
    return {};
  }
  slab.used = body_offset_ + body_size_;
  ++slab.live;
  records_.push_back({.slab = first_slab_ + slabs_.size() - 1,
                      .offset = body_offset_ + 1,
                      .size = plaintext,
                      .credit = credit});
  return {};
}

ByteView Receiver::peek() const {
  if (records_.empty()) return {};
  const Record& record = records_.front();
  const Slab& slab = slabs_[static_cast<std::size_t>(record.slab - first_slab_)];
  return ByteView(slab.data() + record.offset, record.size).subspan(taken_);
}

void Receiver::consume(std::size_t size) {
  while (size > 0) {
    const Record& record = records_.front();
    const std::size_t part = std::min(size, record.size - taken_);
    taken_ += part;
    size -= part;
    if (taken_ < record.size) return;
    credit_ += record.credit;
    --slabs_[static_cast<std::size_t>(record.slab - first_slab_)].live;
    records_.pop_front();
    taken_ = 0;
    drop_dead_slabs();
  }
}

/// Slabs nobody refers to any more, oldest first. The one a frame is being put together in stays.
void Receiver::drop_dead_slabs() {
  while (!slabs_.empty() && slabs_.front().live == 0) {
    if (slabs_.size() == 1 && in_body_ && body_filled_ < body_size_) return;
    const Slab& slab = slabs_.front();
    if (!slab.pooled) {
      --large_;
      large_memory_ -= slab.own.capacity();
    }
    slabs_.pop_front();
    ++first_slab_;
  }
}

std::size_t Receiver::take_credit() {
  return std::exchange(credit_, 0);
}

}  // namespace hsfwd::secret_stream
