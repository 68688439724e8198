// SPDX-License-Identifier: Apache-2.0
// Packets of one kind that travel beside the stream of a connection between two hsfwd peers: whole or in two
// parts, sealed and opened where they lie. IP packets (docs/protocol/forward.md, section 10) and datagrams
// of UDP flows (section 12), each in channels of their own.
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
class LaneObserver {
 public:
  virtual ~LaneObserver() = default;
  /// All that came in at once. They may be overwritten until it returns, as may the
  /// net::kTunnelWriteHeadroom bytes ahead of each.
  virtual void on_packets(std::span<const MutableBytes> packets) = 0;
  /// After a send that took less than it was given: it is worth another attempt.
  virtual void on_packets_writable() = 0;
  /// max_packet() is another.
  virtual void on_max_packet() = 0;
};

class PacketLane {
 public:
  /// Packets that wait for a user who knows of the connection: a client may send some before its proof.
  static constexpr std::size_t kMaxEarly = 64;

  /// Bytes ahead of a packet, which is less than the tunnel's room: kind and number fit in front.
  static constexpr std::size_t kHeadroom = kHeadroomOfParts;

  struct Channels {
    secret_stream::PacketChannel whole;
    secret_stream::PacketChannel parts;
  };
  static constexpr Channels kIp{secret_stream::PacketChannel::kIp,
                                secret_stream::PacketChannel::kIpParts};
  static constexpr Channels kUdp{secret_stream::PacketChannel::kUdp,
                                 secret_stream::PacketChannel::kUdpParts};
  static constexpr Channels kStreams{secret_stream::PacketChannel::kStreams,
                                     secret_stream::PacketChannel::kStreamParts};
  static constexpr Channels kBesideStreams{secret_stream::PacketChannel::kBesideStream,
                                           secret_stream::PacketChannel::kBesideStreamParts};

  PacketLane(Channels channels, udx::Stream& raw, Datagrams& datagrams, PacketDrops& drops,
             Scheduler& scheduler)
      : channels_(channels),
        raw_(raw),
        datagrams_(datagrams),
        drops_(drops),
        scheduler_(scheduler),
        early_task_(scheduler, [this] { deliver_early(); }) {}

  /// Of those that go whole, bytes.
  std::size_t max_packet() const;
  /// Of those that go at all, bytes.
  std::size_t max_in_parts() const { return 2 * max_part(); }

  enum class Outcome { kGoesOn, kCountersUsedUp };
  /// From the front of `packets`; `taken` is how many. Around each is the tunnel's room, ahead of it at least kHeadroom.
  Outcome send(std::span<const MutableBytes> packets, std::size_t& taken);

  // --- What came in ---

  void set_observer(LaneObserver* observer);
  bool has(secret_stream::PacketChannel channel) const {
    return channel == channels_.whole || channel == channels_.parts;
  }
  /// A packet or a part of one, of a channel that it has, valid until deliver().
  void take(secret_stream::PacketChannel channel, MutableBytes payload);
  /// The batch is over.
  void deliver();
  /// The user knows of the connection from now on: nothing is delivered before.
  void announce();
  /// Nothing more is.
  void stop();

 private:
  using Channel = secret_stream::PacketChannel;

  std::size_t max_part() const { return max_packet() - kPartHeader; }
  bool seal(Channel channel, MutableBytes payload);
  void flush();
  bool is_early() const { return !announced_ || !observed_; }
  void keep_early();
  void deliver_early();

  const Channels channels_;
  udx::Stream& raw_;
  Datagrams& datagrams_;
  PacketDrops& drops_;
  Scheduler& scheduler_;
  std::array<MutableBytes, udx::Stream::kMaxMessages> sealed_;
  std::size_t sealed_count_ = 0;
  std::uint16_t next_id_ = 0;
  PacketParts parts_;
  std::vector<MutableBytes> received_;
  LaneObserver* observer_ = nullptr;
  bool announced_ = false;
  bool observed_ = false;  // there has been an observer
  std::vector<Bytes> early_;
  Task early_task_;
};

}  // namespace hsfwd::hyperdht
