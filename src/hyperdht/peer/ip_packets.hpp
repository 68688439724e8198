// SPDX-License-Identifier: Apache-2.0
// IP packets of a connection between two hsfwd peers: whole or in two parts, sealed and opened where they
// lie. docs/protocol/forward.md, section 10.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hyperdht/peer/datagrams.hpp"
#include "hyperdht/peer/packet_parts.hpp"
#include "udx/stream.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

struct PacketDrops;

/// None of these calls may destroy the connection, unless through Scheduler::retire.
class IpPacketObserver {
 public:
  virtual ~IpPacketObserver() = default;
  /// All that came in at once. They may be overwritten until it returns, as may the
  /// net::kTunnelWriteHeadroom bytes ahead of each.
  virtual void on_packets(std::span<const MutableBytes> packets) = 0;
  /// After a send that took less than it was given: it is worth another attempt.
  virtual void on_packets_writable() = 0;
  /// max_packet() is another.
  virtual void on_max_packet() = 0;
};

class IpPackets {
 public:
  /// What came in and waits for the user to know of the connection: one batch that came with the keys.
  static constexpr std::size_t kMaxEarly = 64;

  IpPackets(udx::Stream& raw, Datagrams& datagrams, PacketDrops& drops, Scheduler& scheduler)
      : raw_(raw), datagrams_(datagrams), drops_(drops), scheduler_(scheduler) {}

  /// Of those that go whole, bytes.
  std::size_t max_packet() const;

  enum class Outcome { kGoesOn, kCountersUsedUp };
  /// From the front of `packets`; `taken` is how many. Around each is the tunnel's room.
  Outcome send(std::span<const MutableBytes> packets, std::size_t& taken);

  // --- What came in ---

  /// A packet or a part of one, valid until deliver().
  void take(secret_stream::PacketChannel channel, MutableBytes payload, IpPacketObserver* observer);
  /// The batch is over. Not before the user knows of the connection.
  void deliver(IpPacketObserver* observer);
  /// The user knows of it from now on.
  void announce(IpPacketObserver* observer);

 private:
  using Channel = secret_stream::PacketChannel;

  std::size_t max_part() const { return max_packet() - kPartHeader; }
  bool seal(Channel channel, MutableBytes payload);
  void flush();
  void keep_early();

  udx::Stream& raw_;
  Datagrams& datagrams_;
  PacketDrops& drops_;
  Scheduler& scheduler_;
  std::array<MutableBytes, udx::Stream::kMaxMessages> sealed_;
  std::size_t sealed_count_ = 0;
  std::uint16_t next_id_ = 0;
  PacketParts parts_;
  std::vector<MutableBytes> received_;
  std::vector<Bytes> early_;
  bool announced_ = false;
};

}  // namespace hsfwd::hyperdht
