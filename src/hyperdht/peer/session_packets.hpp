// SPDX-License-Identifier: Apache-2.0
// Packets that travel beside the streams of a session: IP packets, or datagrams of UDP flows. Each says whose it is:
//
//   number of the stream uint | packet
//
// All of them go over the session's link, and over the next one when it has another. docs/protocol/forward.md,
// section 11.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hyperdht/peer/packet_lane.hpp"
#include "util/bytes.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

class PeerConnection;
class Session;
class SessionStream;

class SessionPackets final : public LaneObserver {
 public:
  /// Packets that wait for users who do not know of their streams yet, of one session.
  static constexpr std::size_t kMaxEarly = 64;

  /// So long after a packet that nothing has followed the peer is asked for a sign of life, and again; then there is reason
  /// to doubt the path. What would show that for a stream, its acknowledgements, packets do not have.
  static constexpr Duration kUnanswered = 500_ms;
  static constexpr int kQuestions = 2;
  /// More than an answer's round trip.
  static constexpr Duration kAnswerTime = 200_ms;
  /// Another link carries as much as the one before, until it is known better, or so long: what is larger goes in two parts,
  /// while a size that users have passed on is believed for minutes.
  static constexpr Duration kSettling = 10_s;

  SessionPackets(Session& session, Scheduler& scheduler);

  // --- For the session ---

  /// Packets travel beside `stream`, as soon as the peer agrees to it as well.
  void add(SessionStream& stream);
  void remove(SessionStream& stream);
  /// There is a link, for a moment still.
  void on_link_going();
  /// There is another link.
  void on_link();
  /// Nothing is sent any more.
  void stop();

  // --- For streams ---

  std::size_t max_packet(const SessionStream& stream) const;
  std::size_t max_in_parts(const SessionStream& stream) const;
  /// See PeerConnection::send_packets().
  std::size_t send(const SessionStream& stream, std::span<const MutableBytes> packets);
  /// The first that came for the stream, with the room ahead of each; they are not held any longer.
  std::vector<Bytes> take_early(const SessionStream& stream);

 private:
  struct Early {
    std::uint64_t number;
    Bytes packet;  // behind net::kTunnelWriteHeadroom
  };

  // LaneObserver
  void on_packets(std::span<const MutableBytes> packets) override;
  void on_packets_writable() override;
  void on_max_packet() override;

  PeerConnection* link() const;
  void look_for_answers();
  std::size_t whole() const;
  void forget_kept();
  void tell(void (LaneObserver::*what)());
  void deliver(std::uint64_t number);
  void keep_early(std::uint64_t number);

  Session& session_;
  std::vector<SessionStream*> streams_;
  std::array<MutableBytes, 64> numbered_;
  std::vector<MutableBytes> received_;  // in a row, of one stream
  std::vector<Early> early_;
  Instant sent_at_;  // the first that the timer is for
  int questions_ = 0;
  Timer unanswered_timer_;
  std::size_t carried_ = 0;  // whole, by the link, as it said lastly, bytes
  std::size_t kept_ = 0;     // by an earlier one, until this one is known
  Timer settling_timer_;
};

}  // namespace hsfwd::hyperdht
