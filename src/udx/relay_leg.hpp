// SPDX-License-Identifier: Apache-2.0
// One half of a relayed stream, at the relay: what comes for its id is passed on to where the other
// leg leads, unchanged but for the id, and what comes for the other leg leaves along this one.
//
//     peer A ───► leg A ─┐ ┌─ leg B ◄─── peer B
//                         ╳
//     peer A ◄─── leg A ─┘ └─ leg B ───► peer B
#pragma once

#include <vector>

#include "udx/receiver.hpp"

namespace hsfwd::udx {

/// The two questions come from inside a batch: a leg may be connected there, but not destroyed. The
/// event comes when the batch is over.
class RelayLegObserver {
 public:
  virtual ~RelayLegObserver() = default;
  /// A packet came from elsewhere than the leg leads to; false drops it. The leg may be connected
  /// from inside.
  virtual bool accept_path(net::UdpSocket& socket, net::Address from) = 0;
  /// The leg is about to pass a packet on; false drops it. Resets are not asked for.
  virtual bool allow_forward(std::size_t size) = 0;
  /// A reset was passed on, or the other leg is gone. Not called after the leg is destroyed.
  virtual void on_closed() = 0;
};

/// Differs from upstream: a reset counts only along the path, and the first packets that come before
/// the other peer is known are kept for it, which spares peers the second after which they repeat.
class RelayLeg final : private Receiver {
 public:
  /// Packets most that a leg keeps until it knows where they go.
  static constexpr std::size_t kMaxHeld = 4;

  /// Registers the id with the mux. See Mux::create_leg.
  RelayLeg(Mux& mux, StreamId id, RelayLegObserver& observer);
  /// Ends the other leg. Nothing goes out.
  ~RelayLeg();

  using Receiver::id;

  /// Once, of two legs of one mux. Until then they take nothing.
  static void join(RelayLeg& a, RelayLeg& b);

  /// Once: where the peer is, and under which id it knows its stream. What was kept for it leaves.
  void connect(net::UdpSocket& socket, StreamId remote_id, net::Address remote);
  bool connected() const { return socket_ != nullptr; }
  net::Address remote() const { return remote_; }

  /// Packets from places that were not accepted, and resets that came not along the path.
  std::uint64_t refused() const { return refused_; }

 private:
  void input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
             MutableBytes datagram) override;
  bool deliver_next() override;
  void flush() override {}
  void run_out_of_memory() override {}  // a packet is lost, as networks lose packets
  bool sends_through(const net::UdpSocket& socket) const override { return &socket == socket_; }

  bool comes_along(const net::UdpSocket& socket, const net::Address& from) const {
    return &socket == socket_ && from == remote_;
  }
  bool accept(net::UdpSocket& socket, const net::Address& from, const Packet& packet);
  void send_on(ByteView datagram);
  void close();

  RelayLegObserver& observer_;
  RelayLeg* other_ = nullptr;
  net::UdpSocket* socket_ = nullptr;
  net::Address remote_;
  StreamId remote_id_;
  std::vector<Bytes> held_;  // for this leg's peer, which is not known yet
  std::uint64_t refused_ = 0;
  bool closed_ = false;
  bool tell_closed_ = false;
};

}  // namespace hsfwd::udx
