// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "net/byte_stream.hpp"
#include "node/peer_info.hpp"

namespace hsfwd {

/// What happens to the packets of a connection, which are IP packets or datagrams of UDP flows. None of these calls may destroy the stream, unless through
/// Scheduler::retire, which then tells nothing more.
class PacketObserver {
 public:
  virtual ~PacketObserver() = default;
  /// All that came in at once: whatever the peer sent, which need not be packets that make sense. They may
  /// be overwritten until it returns, as may the net::kTunnelWriteHeadroom bytes ahead of each, so that
  /// they can go to PacketTunnel::write as they are.
  virtual void on_packets(std::span<const MutableBytes> packets) = 0;
  /// After send_packets() has taken less than it was given: it is worth another attempt. May come without
  /// reason.
  virtual void on_packets_writable() = 0;
  /// max_packet() is another.
  virtual void on_max_packet() = 0;
};

/// A connection to a peer, encrypted end to end, as a stream with back-pressure both ways: what pipes
/// are made of. Its observer's on_reset may come instead of on_open; info() then has the error.
/// Destroying it is a reset.
class PeerStream : public net::BufferedByteStream {
 public:
  virtual PeerInfo info() const = 0;
  virtual const PublicKey& remote_key() const = 0;

  /// Called once: keys are agreed on and bytes move. Streams that a server hands over are open.
  virtual void set_on_open(std::function<void()> on_open) = 0;
  /// Called when the connection has moved to another kind of path, with nothing lost.
  virtual void set_on_path_changed(std::function<void()> on_path_changed) = 0;
  /// Calls `done` with the time until the peer has acknowledged a small message, repeats included;
  /// not at all if the connection ends before. One at a time: a further one replaces the one under
  /// way.
  virtual void ping(std::function<void(Duration)> done) = 0;

  /// It belongs to a session.
  virtual bool in_session() const { return false; }
  /// A stream the other way: a further one, to whoever has the other end of this one and has set on_back(). Both
  /// belong to one session; nullptr where this stream belongs to none, or that is full. Its observer must be set at once.
  virtual std::unique_ptr<PeerStream> open_back() { return nullptr; }
  /// Called with each stream that the peer opens that way. No effect where this stream turns out to belong to no
  /// session.
  virtual void set_on_back(std::function<void(std::unique_ptr<PeerStream>)> on_back) = 0;

  /// From now on reserve() has room only while fewer bytes than that wait to be sent for the first time, for who
  /// has a queue of its own and wants what waits to wait there. From 1 to 256 KiB.
  virtual void set_max_unsent(std::size_t bytes) { static_cast<void>(bytes); }

  /// One message beside the stream: may be lost, duplicated or reordered. Of at most max_message()
  /// bytes.
  virtual void send_message(ByteView message) = 0;
  virtual std::size_t max_message() const = 0;
  /// Called for each message from the peer, whose bytes end with the call.
  virtual void set_on_message(std::function<void(ByteView)> on_message) = 0;

  /// Open, and both sides pass IP packets to each other: Extension::kIpPackets.
  virtual bool takes_packets() const { return false; }
  /// Open, and both sides pass datagrams of UDP flows to each other, as packets: Extension::kUdpFlows. What
  /// is in such a packet is said in docs/protocol/forward.md, section 12.
  virtual bool takes_datagrams() const { return false; }
  /// Bytes of the largest packet that goes whole at the moment; 0 unless takes_packets() or
  /// takes_datagrams().
  virtual std::size_t max_packet() const { return 0; }
  /// The same of the largest that goes at all, in two parts.
  virtual std::size_t max_in_parts() const { return 0; }
  /// Packets, from the front, and how many were taken, which is none unless one of the two above. Ahead of each
  /// are net::kTunnelHeadroom bytes and behind it net::kTunnelTailroom, which are overwritten, as is the
  /// packet, once it is taken; it is free again on return. May be lost, doubled or reordered. Those larger than
  /// max_packet() go in two parts; what is too large for that is taken, and lost. Fewer than given: the socket
  /// is full, or the peer has to show first that it is there; on_packets_writable follows.
  virtual std::size_t send_packets(std::span<const MutableBytes> packets) {
    static_cast<void>(packets);
    return 0;
  }
  /// Whoever made the stream sets it at once. The first packets to come wait for it.
  virtual void set_packet_observer(PacketObserver* observer) { static_cast<void>(observer); }

  /// Gives up at once, and calls nobody any more. For retiring it from inside one of its own
  /// callbacks.
  virtual void cancel() = 0;
};

}  // namespace hsfwd
