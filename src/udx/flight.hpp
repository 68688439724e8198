// SPDX-License-Identifier: Apache-2.0
// The packets that are sent and not acknowledged in order yet: which are under way, which are lost
// and wait to be repeated, which were acknowledged out of order.
#pragma once

#include <cstdint>

#include "udx/seq.hpp"
#include "util/ring.hpp"
#include "util/time.hpp"

namespace hsfwd::udx {

/// What the delivery rate is computed from: the sender's totals at the time a packet left.
struct RateSnapshot {
  std::uint64_t delivered = 0;  // bytes
  Instant delivered_at;
  Instant first_sent_at;
  bool app_limited = false;
};

enum class PacketState : std::uint8_t {
  kInFlight,
  kLost,   // waits to be repeated
  kAcked,  // selectively; only waits for the packets before it
};

struct SentPacket {
  std::uint64_t offset = 0;  // of its first byte in the stream
  Instant sent_at;
  RateSnapshot rate;
  std::uint16_t size = 0;  // payload bytes
  std::uint8_t flags = 0;  // kData, kEnd
  PacketState state = PacketState::kInFlight;
  std::uint8_t transmissions = 0;
  std::uint8_t path = 0;     // the destination it was first sent to, see Stream
  std::uint8_t padding = 0;  // zeros between header and payload, as an MTU probe has
  bool probe = false;        // its loss says something about its size, nothing about congestion

  // Neighbours among the packets under way, in order of sending.
  SeqNo previous;
  SeqNo next;
  bool has_previous = false;
  bool has_next = false;
};

/// Of everything that shares a path.
struct BytesInFlight {
  std::uint64_t bytes = 0;
};

class Flight {
 public:
  /// What is in flight counts in `on_path` as well.
  Flight(SeqNo first, BytesInFlight& on_path)
      : on_path_(&on_path), begin_(first), lost_hint_(first) {}
  ~Flight() { leave_path(); }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  /// From here on nothing of it counts on the path, whatever becomes of it.
  void leave_path();

  /// Lowest packet not acknowledged in order, and the next to be numbered.
  SeqNo begin() const { return begin_; }
  SeqNo end() const { return begin_ + static_cast<std::uint32_t>(packets_.size()); }
  bool empty() const { return packets_.empty(); }
  bool contains(SeqNo seq) const { return seq >= begin_ && seq < end(); }

  SentPacket& at(SeqNo seq) { return packets_[static_cast<std::size_t>(seq - begin_)]; }
  const SentPacket& at(SeqNo seq) const { return packets_[static_cast<std::size_t>(seq - begin_)]; }

  /// Numbers a packet that leaves now.
  SeqNo push(const SentPacket& packet);
  /// A lost packet leaves again.
  void resend(SeqNo seq, Instant now);
  void mark_lost(SeqNo seq);
  /// What is in flight proves nothing of sizes any more: the path is another one.
  void forget_probes();
  /// Returns false when it was acknowledged before.
  bool mark_acked(SeqNo seq);
  /// Forgets the lowest packet, which is acknowledged.
  void pop_front();

  std::size_t in_flight_packets() const { return sent_.count; }
  std::size_t lost_packets() const { return lost_count_; }
  std::size_t acked_packets() const { return acked_count_; }
  std::uint64_t in_flight_bytes() const { return sent_.bytes; }

  bool has_in_flight() const { return sent_.count > 0; }
  /// By time of sending. Only when there are any.
  SeqNo oldest_in_flight() const { return sent_.head; }
  SeqNo newest_in_flight() const { return sent_.tail; }
  bool has_lost() const { return lost_count_ > 0; }
  /// By number, since the lowest holds up everything behind it. Only when there are any.
  SeqNo first_lost();

 private:
  struct List {
    SeqNo head;
    SeqNo tail;
    std::size_t count = 0;
    std::uint64_t bytes = 0;
  };

  void link_last(SeqNo seq);
  void unlink(SeqNo seq);
  /// Out of whichever of the two states that wait for an acknowledgement it is in.
  void leave_state(SeqNo seq);

  BytesInFlight* on_path_;
  SeqNo begin_;
  Ring<SentPacket> packets_;
  List sent_;
  SeqNo lost_hint_;  // no packet below is lost
  std::size_t lost_count_ = 0;
  std::size_t acked_count_ = 0;
};

}  // namespace hsfwd::udx
