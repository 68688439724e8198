// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/packet_lane.hpp"

#include <algorithm>
#include <utility>

#include "hyperdht/peer/packet_drops.hpp"

namespace hsfwd::hyperdht {

using secret_stream::Packets;

static_assert(PacketLane::kHeadroom >= udx::kHeaderSize + Packets::kHeadroom);
// A packet that came in has these ahead of it, which nobody needs any more.
static_assert(udx::kHeaderSize + Packets::kHeadroom >= net::kTunnelWriteHeadroom);

std::size_t PacketLane::max_packet() const {
  return raw_.max_message() - Packets::kOverhead;
}

/// Packets are sealed only once it is sure that they leave, since that overwrites them.
PacketLane::Outcome PacketLane::send(std::span<const MutableBytes> packets, std::size_t& taken) {
  const std::size_t whole = max_packet();
  bool counters_left = true;
  for (taken = 0; taken < packets.size() && counters_left; ++taken) {
    const MutableBytes packet = packets[taken];
    if (packet.empty() || packet.size() > max_in_parts()) {
      ++drops_.too_large;
      continue;
    }
    const std::size_t messages = packet.size() > whole ? 2 : 1;
    if (sealed_count_ + messages > sealed_.size()) flush();
    const std::size_t around = Packets::kOverhead + (messages == 2 ? kPartHeader : 0);
    if (!raw_.claim_messages(messages, packet.size() + messages * around)) break;
    if (messages == 1) {
      counters_left = seal(channels_.whole, packet);
      continue;
    }
    for (const MutableBytes part : cut_in_two(packet, next_id_)) {
      counters_left = counters_left && seal(channels_.parts, part);
    }
    ++next_id_;
  }
  flush();
  return counters_left ? Outcome::kGoesOn : Outcome::kCountersUsedUp;
}

bool PacketLane::seal(Channel channel, MutableBytes payload) {
  const auto sealed = datagrams_.seal_in_place(channel, payload);
  if (sealed) sealed_[sealed_count_++] = *sealed;
  return sealed.has_value();
}

void PacketLane::flush() {
  raw_.send_messages(std::span(sealed_).first(std::exchange(sealed_count_, 0)));
}

void PacketLane::set_observer(LaneObserver* observer) {
  observer_ = observer;
  observed_ |= observer != nullptr;
  if (!early_.empty() && !is_early()) early_task_.post();
}

void PacketLane::take(Channel channel, MutableBytes payload) {
  if (channel == channels_.whole) {
    if (!payload.empty()) received_.push_back(payload);
    return;
  }
  if (parts_.full()) deliver();
  const PacketParts::Added added = parts_.add(payload, scheduler_.now());
  drops_.parts += added.dropped;
  if (added.whole) received_.push_back(*added.whole);
}

void PacketLane::deliver() {
  if (received_.empty()) return;
  if (is_early()) {
    keep_early();
  } else if (observer_ != nullptr) {
    observer_->on_packets(received_);
  } else {
    drops_.unwanted += received_.size();
  }
  received_.clear();
  parts_.release();
}

void PacketLane::keep_early() {
  for (const MutableBytes packet : received_) {
    if (early_.size() == kMaxEarly) {
      ++drops_.unwanted;
      continue;
    }
    Bytes copy(net::kTunnelWriteHeadroom);
    append(copy, packet);
    early_.push_back(std::move(copy));
  }
}

void PacketLane::announce() {
  announced_ = true;
  if (!early_.empty() && !is_early()) early_task_.post();
}

void PacketLane::deliver_early() {
  std::vector<Bytes> early = std::exchange(early_, {});
  for (Bytes& packet : early) {
    received_.push_back(MutableBytes(packet).subspan(net::kTunnelWriteHeadroom));
  }
  deliver();
}

void PacketLane::stop() {
  observer_ = nullptr;
  early_task_.cancel();
  early_.clear();
}

}  // namespace hsfwd::hyperdht
