// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <vector>

#include "ip/packet.hpp"
#include "ip/vnet_header.hpp"

namespace hsfwd::ip {

/// Makes few writes to a TUN device out of the packets of one batch: those of a flow that the kernel itself could
/// have cut from one are written as one, from where they lie.
///
/// Nothing is changed by that: cutting the write again gives the same packets, byte for byte, with one exception:
/// the id of an IPv4 packet that routers may not cut means nothing (RFC 6864), and counts on. A packet whose
/// checksums are wrong is written as it is. Packets of one flow stay in order, those of different flows need not.
///
/// Differs from the kernel's GRO: a packet joins only the latest of its flow, so that none overtakes another.
class Coalescer {
 public:
  struct Options {
    bool tcp = true;
    /// Kernels before 6.2 take none, and some drop coalesced datagrams of tunnels in the tunnel (vxlan, geneve).
    bool udp = true;
  };

  /// Packets in a write: UDP_MAX_SEGMENTS of Linux, at first 64.
  static constexpr std::size_t kMaxPackets = 64;
  /// Flows that a further packet is held against. Among more, the one that began first gets nothing more; it
  /// bounds what a batch of packets of as many flows costs.
  static constexpr std::size_t kMaxFlows = 16;

  struct Write {
    /// As the first piece has it.
    VnetHeader header;
    /// To be written by one call: the vnet header, then the packet, whose headers are changed copies if it stands
    /// for several.
    std::span<const ByteView> pieces;
    /// What it stands for, as it was added. If the kernel refuses the write, each can go by itself, behind
    /// `kPlainHeader`.
    std::span<const ByteView> packets;
  };
  static constexpr VnetHeader::Encoded kPlainHeader{};

  explicit Coalescer(Options options) : options_(options) {}

  /// From the next packet on.
  void set_options(Options options) { options_ = options; }

  /// The packet's bytes stay where they are until clear().
  void add(const Packet& packet);
  /// What is no packet, and goes as it is.
  void add_unread(ByteView bytes);
  /// Of everything added, in the order of each one's first packet; valid until clear(). Nothing is added any more
  /// until then.
  std::span<const Write> finish();
  void clear();

 private:
  /// Packets that become one write.
  struct Group {
    Packet first;
    std::size_t first_index = 0;  // into packets_
    std::size_t last_index = 0;
    std::size_t count = 1;
    std::size_t gso_size = 0;  // payload of the first
    std::size_t payload = 0;   // of all
    bool push = false;         // the last has PSH
    bool verified = false;     // the first one's checksums are right
    bool open = false;         // another may join
    std::array<std::uint8_t, VnetHeader::kSize + 40 + 60> headers;  // IPv6 and TCP with options
  };
  /// A packet, and the next of its group.
  struct Entry {
    ByteView bytes;
    std::size_t headers_size = 0;
    std::size_t next = 0;
  };

  bool is_candidate(const Packet& packet) const;
  Group* open_group_of(const Packet& packet);
  void close_flows_of_fragment(const Packet& packet);
  bool try_join(Group& group, const Packet& packet);
  void begin_group(const Packet& packet, bool candidate);
  std::size_t& free_flow();
  void lay_out(Group& group);
  static VnetHeader write_headers(Group& group);

  Options options_;
  std::vector<Entry> packets_;
  std::vector<Group> groups_;
  // Groups that are open, or were.
  std::array<std::size_t, kMaxFlows> flows_{};
  std::size_t flow_count_ = 0;
  std::vector<ByteView> pieces_;
  std::vector<ByteView> originals_;
  std::vector<Write> writes_;
};

}  // namespace hsfwd::ip
