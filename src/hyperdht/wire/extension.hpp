// SPDX-License-Identifier: Apache-2.0
// What two hsfwd peers tell each other behind the last field of the Noise payload. Stock peers
// ignore trailing bytes; the block is encrypted and authenticated with the rest of the payload.
//
//   "hsfwd" (5 bytes) | version uint = 1 | body buffer
//   body: features uint | service string | services array(string) | stamp uint, optional | resume buffer, optional |
//         udp buffer, optional
//
// The client names the service it wants, or none for the default; the server names the one that it
// connects, or none if it has no such service, and all that it has.
//
// The stamp, from clients: the wall clock in microseconds, higher in each first message.
//
// Feature bits: docs/protocol/forward.md section 3.
//
// Unknown features are ignored, and so are bytes behind the fields a reader knows. The layout is
// documented in docs/protocol/forward.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/bytes.hpp"

namespace hsfwd::codec {
class Writer;
}

namespace hsfwd::hyperdht {

struct Extension {
  static constexpr std::uint64_t kVersion = 1;
  // Feature bits.
  /// From a client: no service is wanted, the connection itself is looked at.
  static constexpr std::uint64_t kNoService = 1;
  static constexpr std::uint64_t kSealedEnd = 2;
  static constexpr std::uint64_t kSecretKeys = 4;
  /// From a client: an empty record comes right behind its header. From a server: it is waited for.
  static constexpr std::uint64_t kFirstRecord = 8;
  /// From a client under the server's own key: it tests whether the server can be reached.
  static constexpr std::uint64_t kSelfTest = 16;
  /// What goes beside the streams goes in channels; with kSecretKeys only.
  static constexpr std::uint64_t kPackets = 32;
  /// From a client: IP packets are to travel beside the stream. From a server: it takes them from that
  /// client. With kPackets only.
  static constexpr std::uint64_t kIpPackets = 64;
  /// The connection is the first link of a session, with streams of its own. With kSealedEnd and kPackets only.
  static constexpr std::uint64_t kSessions = 128;
  /// From a client: the service that it names is to be a UDP one, whose datagrams travel beside the
  /// stream. From a server: it is. With kPackets only.
  static constexpr std::uint64_t kUdpFlows = 256;
  /// With kSessions. From a client: the connection is a further link of the session that `resume` names. From a
  /// server: it has that session of this client, and goes on with it.
  static constexpr std::uint64_t kResume = 1024;
  /// With kSessions: packets travel beside the session's streams, whose bits kIpPackets and kUdpFlows are.
  static constexpr std::uint64_t kSessionPackets = 2048;
  /// Which packets go beside a connection, or a stream.
  static constexpr std::uint64_t kKindsOfPackets = kIpPackets | kUdpFlows;
  /// What connections do by themselves, whoever uses them.
  static constexpr std::uint64_t kOfConnections = kSealedEnd | kSecretKeys | kPackets;

  std::uint64_t features = 0;
  std::string service;
  std::vector<std::string> services;
  std::optional<std::uint64_t> stamp;
  /// From a client with kResume: the id of a session. 16 bytes.
  Bytes resume;
  /// From a server to a client with kNoService: which of `services` are UDP ones, a bit for each, of the first the lowest of
  /// the first byte. Empty if it does not say.
  Bytes udp;

  /// The service at that place in `services` is a UDP one, or not. In rising order.
  void say_udp(std::size_t place, bool is_udp);
  /// Nothing if the server does not say, or has no such service, or one of each kind.
  std::optional<bool> is_udp(std::string_view name) const;
  /// Each of `services` once.
  std::vector<std::string> service_names() const;
  bool wants_service() const { return (features & kNoService) == 0; }
  bool wants_session_packets() const { return (features & kSessionPackets) != 0; }
  bool wants_session() const { return (features & kSessions) != 0; }
  bool wants_packets() const { return (features & kIpPackets) != 0; }
  bool has_udp_flows() const { return (features & kUdpFlows) != 0; }
  /// The features that both sides have; none if one of them sent no block.
  static std::uint64_t agreed(const std::optional<Extension>& own,
                              const std::optional<Extension>& theirs) {
    return own && theirs ? own->features & theirs->features : 0;
  }

  void write(codec::Writer& writer) const;
  /// Nothing unless the bytes begin with a block of a version this program knows.
  static std::optional<Extension> read(ByteView trailing);
};

}  // namespace hsfwd::hyperdht
