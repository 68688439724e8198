// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ip/packet.hpp"
#include "ip/vnet_header.hpp"

namespace hsfwd::ip {

/// Cuts what a TUN device hands over in one read into the packets that it stands for, one after the other, each
/// into a room that the caller has then. The bytes read stay where they are until the last is cut.
///
/// Of a GSO packet each takes gso_size bytes of the payload, the last what is left. Sequence numbers and IPv4 ids
/// count on, FIN and PSH are on the last, CWR is on the first, and the checksums are whole.
class Segmenter {
 public:
  /// `packet`: what was read behind the header, which is held against it. Errors: those of Packet::parse;
  /// kMalformed for a header that does not fit the packet; kRefused for a GSO type that nobody asked the device
  /// for, or a GSO packet whose checksum the kernel has not left to us.
  static Result<Segmenter> start(const VnetHeader& header, ByteView packet);

  bool done() const { return next_ == count_; }
  /// How many packets there are, cut or not.
  std::size_t count() const { return count_; }
  std::size_t packets_left() const { return count_ - next_; }
  /// Bytes of all packets that are left.
  std::size_t bytes_left() const;
  /// Bytes that the next packet takes. To be asked while not done.
  std::size_t next_size() const;
  /// The next packet, at the start of `room`, which has next_size() bytes or more.
  MutableBytes next(MutableBytes room);
  /// Leaves the next packet out.
  void skip() { ++next_; }

  /// Of what was read; the fields that are the same in all the packets it is cut into.
  const Packet& packet() const { return packet_; }

 private:
  Segmenter(const VnetHeader& header, const Packet& packet);

  ByteView next_payload() const;
  void cut(MutableBytes out, std::size_t payload_size) const;
  void cut_ip(MutableBytes out) const;
  void cut_tcp(std::uint8_t* tcp) const;
  void complete_checksum(MutableBytes out) const;

  VnetHeader header_;
  Packet packet_;
  std::size_t count_ = 1;
  std::size_t next_ = 0;
};

}  // namespace hsfwd::ip
