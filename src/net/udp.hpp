// SPDX-License-Identifier: Apache-2.0
// The datagram seam. Datagrams cross it in batches of borrowed bytes, both ways, so that one system
// call can carry dozens of them and nothing is copied for the crossing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/address.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::net {

/// Bytes. Whoever sends more is no peer: JavaScript reads into buffers of this size and cuts the rest.
inline constexpr std::size_t kMaxDatagram = 2048;
/// What a datagram of IPv4 can carry: an IP packet's 65,535 bytes without the headers.
inline constexpr std::size_t kMaxUdpPayload = 65507;

/// Never more than kMaxDatagram bytes, kMaxUdpPayload of UdpFactory::bind_for_programs: sockets drop what is longer.
struct InboundDatagram {
  Address from;
  MutableBytes bytes;  // valid until on_datagrams returns; the receiver may overwrite them
};

struct OutboundDatagram {
  Address to;
  std::array<ByteView, 3> parts{};  // sent back to back; unused parts are empty
  std::uint8_t ttl = 0;             // 0: the socket's default
  bool may_fragment = false;        // routers and the host may cut it where it is too large

  std::size_t size() const { return parts[0].size() + parts[1].size() + parts[2].size(); }
};

class UdpSocket;

class UdpObserver {
 public:
  virtual ~UdpObserver() = default;
  /// May send, and may destroy any socket through Scheduler::retire, which then tells of nothing
  /// more.
  virtual void on_datagrams(UdpSocket& socket, std::span<InboundDatagram> batch) = 0;
  /// After a send that accepted less than it was given: there is room again.
  virtual void on_writable(UdpSocket& socket) { static_cast<void>(socket); }
};

class UdpSocket {
 public:
  virtual ~UdpSocket() = default;
  /// The observer is called no more: Scheduler::retire() asks for that at once, while the socket
  /// itself goes at the end of the dispatch.
  virtual void cancel() = 0;

  /// The bound address; the host is 0.0.0.0 when bound to all.
  virtual Address local_address() const = 0;

  /// Sends from the front of the batch and returns how many datagrams were taken; the bytes are
  /// free again on return. Fewer than given means that the kernel's buffer is full: on_writable
  /// follows. Datagrams the kernel refuses for other reasons (too large for the path, no route)
  /// count as taken and are lost, as the network may lose any.
  virtual std::size_t send(std::span<const OutboundDatagram> batch) = 0;

  std::size_t send_one(Address to, ByteView bytes, std::uint8_t ttl = 0) {
    const OutboundDatagram datagram{.to = to, .parts = {bytes, {}, {}}, .ttl = ttl};
    return send({&datagram, 1});
  }

  /// The largest IP packet towards `to` that the kernel knows to pass; 1500 if it cannot tell.
  virtual std::size_t path_mtu(Address to) const {
    static_cast<void>(to);
    return 1500;
  }
};

/// What a socket for programs is for, which decides how much may wait in it.
enum class UdpLoad {
  kAll,      // of all programs at an address: as much as of peers
  kOneFlow,  // as much as the system lets wait in any socket, since there may be thousands of these
};

class UdpFactory {
 public:
  virtual ~UdpFactory() = default;
  /// Binds a socket; port 0 picks a free one. `observer` outlives the socket.
  /// Errors: kUnavailable when the address or port cannot be had.
  virtual Result<std::unique_ptr<UdpSocket>> bind(Address local, UdpObserver& observer) = 0;
  /// One for datagrams of programs, on this machine or its networks, rather than of peers: they have up to
  /// kMaxUdpPayload bytes, are cut up where they are too large for the way, and go where those of any program
  /// of this machine go, whatever mark the others have. What nobody takes at the other end is no error.
  /// The error is one clause for people.
  virtual Result<std::unique_ptr<UdpSocket>, std::string> bind_for_programs(Address local,
                                                                            UdpObserver& observer,
                                                                            UdpLoad load) = 0;
};

}  // namespace hsfwd::net
