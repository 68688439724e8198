// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/udp.hpp"
#include "udx/packet.hpp"

namespace hsfwd::udx {

class Mux;

/// What the packets for one id go to: a stream, or a leg of a relay.
///
/// Within a batch a receiver only takes packets in. Once the batch is over, its events are delivered
/// one by one, as long as there are any; then it sends what it has to send.
class Receiver {
 public:
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  StreamId id() const { return id_; }

 protected:
  /// The derived class registers itself, once it is whole: Mux::add.
  Receiver(Mux& mux, StreamId id) : mux_(mux), id_(id) {}
  ~Receiver();

  /// There may be something to deliver or to send.
  void mark_dirty();

  Mux& mux_;

 private:
  friend class Mux;

  /// `packet` lies in `datagram`, which may be overwritten until the batch is over.
  virtual void input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
                     MutableBytes datagram) = 0;
  /// Tells the observer one thing, as the last thing it does: the receiver may be gone after. False
  /// when there is nothing.
  virtual bool deliver_next() = 0;
  virtual void flush() = 0;
  /// An allocation failed in one of the above.
  virtual void run_out_of_memory() = 0;
  virtual bool sends_through(const net::UdpSocket& socket) const = 0;

  const StreamId id_;
  bool dirty_ = false;
};

}  // namespace hsfwd::udx
