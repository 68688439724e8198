// SPDX-License-Identifier: Apache-2.0
// FQ-CoDel (RFC 8290): flows that share a queue fairly. A flow that sends little goes ahead of those that send
// much, and of each of these CoDel drops what is late.
//
//   push ──► flows by hash ──► new: what has begun just now ──┐
//                          └─► old: round by round ───────────┴──► front
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "util/check.hpp"
#include "util/codel.hpp"
#include "util/ring.hpp"
#include "util/time.hpp"

namespace hsfwd {

/// `Item` is one packet, or several in one piece, which leave one after the other:
///
///     bool done() const;                  // none is left
///     std::size_t packets() const;        // that are left
///     std::size_t bytes() const;          // that are left
///     std::size_t next_bytes() const;     // of the next packet
///     void skip();                        // the next packet is dropped
///     std::size_t memory() const;         // bytes that it takes as long as any packet is left
template <class Item>
class FairQueue {
 public:
  struct Limits {
    std::size_t items = 0;
    std::size_t memory = 0;  // bytes
  };
  /// Of packets.
  struct Drops {
    std::uint64_t full = 0;
    std::uint64_t late = 0;
  };
  /// A power of two. Section 5.2 has four times as many for the links of many hosts.
  static constexpr std::size_t kFlows = 256;
  /// What a flow may send in a round, bytes, section 5.2.
  static constexpr std::int64_t kQuantum = 1514;
  /// What a packet costs beside its bytes: what is short is not a link's bytes alone, but the time that each takes.
  static constexpr std::int64_t kPacketCost = 512;

  explicit FairQueue(Limits limits) : limits_(limits) {}

  bool empty() const { return items_ == 0; }
  /// Of all items, bytes.
  std::size_t memory() const { return memory_; }
  const Drops& drops() const { return drops_; }

  /// `flow`: of flows whose numbers have the same place in the table one has the other's delay. Where it is one
  /// too many, the oldest of the flow that has most of what is short are dropped.
  void push(Item item, std::uint64_t flow, Instant now) {
    if (item.done()) return;
    const auto index = static_cast<Index>(flow % kFlows);
    Flow& to = flows_[index];
    to.items.make_room();
    to.bytes += item.bytes();
    to.memory += item.memory();
    to.largest = std::max(to.largest, item.bytes());
    ++items_;
    memory_ += item.memory();
    to.items.push_back(Waiting{std::move(item), now});
    if (!to.listed) {
      to.listed = true;
      to.credit = kQuantum;
      new_.push_back(flows_, index);
    }
    while (items_ > limits_.items) {
      drop_of_fattest([](const Flow& one) { return one.items.size(); });
    }
    while (memory_ > limits_.memory) {
      drop_of_fattest([](const Flow& one) { return one.memory; });
    }
  }

  /// What leaves next; nullptr if there is nothing. Good until the next call, which may be sent().
  Item* front(Instant now) {
    for (;;) {
      List& list = new_.empty() ? old_ : new_;
      if (list.empty()) return nullptr;
      const Index index = list.front();
      Flow& flow = flows_[index];
      if (flow.credit <= 0) {
        flow.credit += kQuantum;
        list.pop_front(flows_);
        old_.push_back(flows_, index);
        continue;
      }
      flow.codel.drop_late(
          now, [&] { return flow.next_since(); }, [&] { skip_next(flow, drops_.late); });
      if (!flow.items.empty()) {
        current_ = index;
        return &flow.items.front().item;
      }
      list.pop_front(flows_);
      // Once around: else a flow that sends whenever it has been served would be new for ever.
      if (&list == &new_ && !old_.empty()) {
        old_.push_back(flows_, index);
      } else {
        flow.listed = false;
        flow.largest = 0;
        flow.items.shrink(kKeptItems);
      }
    }
  }

  /// So much of front() has left just now, and it goes if it is done.
  void sent(std::size_t packets, std::size_t bytes) {
    HSFWD_CHECK(current_ != kNone);
    Flow& flow = flows_[std::exchange(current_, kNone)];
    flow.bytes -= bytes;
    flow.owed +=
        static_cast<std::int64_t>(bytes) + static_cast<std::int64_t>(packets) * kPacketCost;
    if (flow.items.front().item.done()) pop(flow);
  }

 private:
  using Index = std::uint16_t;
  static constexpr Index kNone = kFlows;

  struct Waiting {
    Item item;
    Instant since;
  };
  struct Flow {
    /// From when on the next packet has waited, unless what stands behind it is no more than one item.
    std::optional<Instant> next_since() const {
      if (items.empty() || bytes - items.front().item.next_bytes() <= largest) return std::nullopt;
      return items.front().since;
    }

    Ring<Waiting> items;
    std::size_t bytes = 0;
    std::size_t memory = 0;
    std::size_t largest = 0;  // bytes of an item since there have been any
    std::int64_t credit = 0;
    std::int64_t owed = 0;  // for what of the first item has left
    Codel codel;
    Index next = kNone;
    bool listed = false;
  };
  using Flows = std::array<Flow, kFlows>;

  class List {
   public:
    bool empty() const { return first_ == kNone; }
    Index front() const { return first_; }
    void push_back(Flows& flows, Index index) {
      flows[index].next = kNone;
      (empty() ? first_ : flows[last_].next) = index;
      last_ = index;
    }
    void pop_front(Flows& flows) { first_ = flows[first_].next; }

   private:
    Index first_ = kNone;
    Index last_ = kNone;
  };

  void pop(Flow& flow) {
    memory_ -= flow.items.front().item.memory();
    flow.memory -= flow.items.front().item.memory();
    --items_;
    // Paid only now: an item that has begun to leave goes on ahead of those of flows that send as much.
    flow.credit -= std::exchange(flow.owed, 0);
    flow.items.pop_front();
  }

  void skip_next(Flow& flow, std::uint64_t& counter) {
    Item& item = flow.items.front().item;
    flow.bytes -= item.next_bytes();
    item.skip();
    ++counter;
    if (item.done()) pop(flow);
  }

  /// As much as makes the search worth it, and no more: what is dropped in large pieces costs as much as it would
  /// have to send it.
  template <class Share>
  void drop_of_fattest(Share&& share) {
    Flow* fattest = &flows_[0];
    for (Flow& flow : flows_) {
      if (share(flow) > share(*fattest)) fattest = &flow;
    }
    HSFWD_CHECK(!fattest->items.empty());
    current_ = kNone;
    do {
      const Item& oldest = fattest->items.front().item;
      drops_.full += oldest.packets();
      fattest->bytes -= oldest.bytes();
      pop(*fattest);
    } while (!fattest->items.empty() && (items_ > limits_.items - limits_.items / kSpare ||
                                         memory_ > limits_.memory - limits_.memory / kSpare));
  }

  // So much of either limit is made room for at once.
  static constexpr std::size_t kSpare = 16;
  // Whose room a flow keeps, so that one that comes and goes allocates nothing.
  static constexpr std::size_t kKeptItems = 16;

  const Limits limits_;
  Flows flows_;
  List new_;
  List old_;
  Index current_ = kNone;  // of front()
  std::size_t items_ = 0;
  std::size_t memory_ = 0;
  Drops drops_;
};

}  // namespace hsfwd
