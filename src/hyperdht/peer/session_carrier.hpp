// SPDX-License-Identifier: Apache-2.0
// Packets of a session's streams inside sealed ones of its link: those of the control stream always, so that nobody
// but the peer can end or break it, and those of all streams while a relay carries the link.
// docs/protocol/forward.md, section 11.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "hyperdht/peer/packet_lane.hpp"
#include "udx/stream.hpp"
#include "util/bytes.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

class Session;
struct PeerContext;

class SessionCarrier final : public udx::StreamCarrier, public LaneObserver {
 public:
  SessionCarrier(Session& session, const PeerContext& context);
  SessionCarrier(const SessionCarrier&) = delete;
  SessionCarrier& operator=(const SessionCarrier&) = delete;

  /// Ids of the session's streams here, which alone hear what comes this way.
  void add(udx::StreamId id) { ids_.insert(id.value); }
  void remove(udx::StreamId id) { ids_.erase(id.value); }
  /// Sends what waits, and needs no room for more until there is some: the link has come, gone or moved.
  void on_link_changed();
  /// The session is over.
  void stop();

  // udx::StreamCarrier
  void carry(const udx::Header& header, std::size_t padding,
             const std::array<ByteView, 2>& payload) override;
  std::size_t overhead() const override;
  // LaneObserver
  void on_packets(std::span<const MutableBytes> packets) override;
  void on_packets_writable() override {}
  void on_max_packet() override {}

 private:
  static constexpr std::size_t kMaxWaiting = udx::Stream::kMaxMessages;

  void flush();

  Session& session_;
  const PeerContext& context_;
  std::unordered_set<std::uint32_t> ids_;
  // Room for each packet, and around it.
  Bytes room_;
  std::vector<MutableBytes> waiting_;
  Task flush_task_;
  // What came, until the streams have taken it: their packets lie in it as long as the batch lasts.
  std::vector<Bytes> inbox_;
  Task inbox_task_;
};

}  // namespace hsfwd::hyperdht
