// SPDX-License-Identifier: Apache-2.0
// What goes beside the streams of a connection, sealed. Two hsfwd peers that have them use packets, which
// say whose they are; anybody else gets upstream's messages, which belong to the application, and among
// which a farewell is known by its magic. docs/protocol/forward.md sections 4, 7 and 9.
#pragma once

#include <optional>
#include <vector>

#include "hyperdht/wire/farewell.hpp"
#include "hyperdht/wire/size_probe.hpp"
#include "secret_stream/packets.hpp"
#include "secret_stream/unordered.hpp"

namespace hsfwd::hyperdht {

class Datagrams {
 public:
  using Channel = secret_stream::PacketChannel;

  /// `features` are those of both sides; `hsfwd`: the peer is one.
  Datagrams(const noise::Session& session, Random& random, bool hsfwd, std::uint64_t features);

  /// Bytes that sealing adds.
  std::size_t overhead() const;
  /// For kMessages. The bytes are good until the next call; nothing once the counters are used up, which ends
  /// the connection.
  std::optional<ByteView> seal(ByteView message);
  /// For kControl. The peer is hsfwd.
  std::optional<ByteView> seal(const Farewell& farewell);
  /// The peer has packets.
  std::optional<ByteView> seal(const SizeProbe& probe, std::size_t size = 0);
  std::optional<ByteView> seal(Channel channel, ByteView payload);
  bool has_packets() const { return packets_.has_value(); }
  /// Of a peer that has packets: what is sealed stands around `payload`, for which there is room: Packets::kHeadroom
  /// bytes ahead of it, and a tag's behind it.
  std::optional<MutableBytes> seal_in_place(Channel channel, MutableBytes payload);

  struct Opened {
    Channel channel;
    MutableBytes payload;  // in `datagram`, or good until the next call
  };
  /// Errors as of Packets::open(): the peer has not sealed it, or it has come before, which under the hash's
  /// keys goes unnoticed. Overwrites `datagram`.
  Result<Opened> open(MutableBytes datagram);

 private:
  const bool hsfwd_;
  // One of the two
  std::optional<secret_stream::Packets> packets_;
  std::optional<secret_stream::Unordered> messages_;
  Bytes sealed_;  // as large as the largest so far
  Bytes opened_;
};

}  // namespace hsfwd::hyperdht
