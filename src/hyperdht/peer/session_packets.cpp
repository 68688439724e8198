// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/session_packets.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "codec/reader.hpp"
#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/packet_drops.hpp"
#include "hyperdht/peer/peer_connection.hpp"
#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/peer/session.hpp"

namespace hsfwd::hyperdht {

namespace {

// The longest that an integer takes.
constexpr std::size_t kMaxNumberSize = 9;
static_assert(PacketLane::kHeadroom + kMaxNumberSize <= net::kTunnelHeadroom);

}  // namespace

SessionPackets::SessionPackets(Session& session, Scheduler& scheduler)
    : session_(session),
      unanswered_timer_(scheduler, [this] { look_for_answers(); }),
      settling_timer_(scheduler, [this] { forget_kept(); }) {}

void SessionPackets::stop() {
  unanswered_timer_.stop();
  settling_timer_.stop();
}

PeerConnection* SessionPackets::link() const {
  return session_.link();
}

void SessionPackets::add(SessionStream& stream) {
  if (streams_.empty() && link() != nullptr) {
    link()->probe_packet_size();
    carried_ = link()->max_packet();
  }
  streams_.push_back(&stream);
}

void SessionPackets::remove(SessionStream& stream) {
  std::erase(streams_, &stream);
  std::erase_if(early_, [&](const Early& one) { return one.number == stream.number(); });
}

void SessionPackets::on_link_going() {
  kept_ = streams_.empty() ? 0 : std::max(carried_, kept_);
}

void SessionPackets::on_link() {
  if (streams_.empty()) return;
  link()->probe_packet_size();
  settling_timer_.start(kSettling);
  on_packets_writable();
}

void SessionPackets::forget_kept() {
  kept_ = 0;
  carried_ = whole();
  tell(&LaneObserver::on_max_packet);
}

// --- Out ---

std::size_t SessionPackets::whole() const {
  return std::max(link() != nullptr ? link()->max_packet() : 0, kept_);
}

std::size_t SessionPackets::max_packet(const SessionStream& stream) const {
  const std::size_t most = whole();
  return most - std::min(most, stream.packet_prefix().size());
}

std::size_t SessionPackets::max_in_parts(const SessionStream& stream) const {
  const std::size_t most = link() != nullptr ? link()->max_in_parts() : 0;
  return most - std::min(most, stream.packet_prefix().size());
}

std::size_t SessionPackets::send(const SessionStream& stream,
                                 std::span<const MutableBytes> packets) {
  const ByteView number = stream.packet_prefix();
  std::size_t taken = 0;
  while (taken < packets.size() && link() != nullptr) {
    const std::size_t count = std::min(packets.size() - taken, numbered_.size());
    for (std::size_t i = 0; i < count; ++i) {
      const MutableBytes packet = packets[taken + i];
      const MutableBytes numbered(packet.data() - number.size(), number.size() + packet.size());
      copy_bytes(number, numbered);
      numbered_[i] = numbered;
    }
    const std::size_t now = link()->send_packets(std::span(numbered_).first(count));
    taken += now;
    if (now < count) break;
  }
  if (taken > 0 && !unanswered_timer_.armed()) {
    sent_at_ = session_.context().env.now();
    questions_ = 0;
    unanswered_timer_.start(kUnanswered);
  }
  return taken;
}

void SessionPackets::look_for_answers() {
  if (session_.heard_at() >= sent_at_) return;
  if (questions_++ == kQuestions) return session_.on_stalled();
  session_.probe();
  unanswered_timer_.start(session_.rtt() + kAnswerTime);
}

// --- In ---

/// Those of one stream that came in a row go on together.
void SessionPackets::on_packets(std::span<const MutableBytes> packets) {
  const auto self = session_.shared_from_this();
  std::uint64_t current = 0;
  for (const MutableBytes packet : packets) {
    codec::Reader reader(packet);
    const std::uint64_t number = reader.uint();
    const std::size_t size = reader.rest().size();
    if (!reader.ok() || size == 0) {
      ++session_.context().connections.drops().channel;
      continue;
    }
    if (number != current) deliver(current);
    current = number;
    received_.push_back(packet.last(size));
  }
  deliver(current);
}

void SessionPackets::deliver(std::uint64_t number) {
  if (received_.empty()) return;
  const SessionStream* const stream = session_.find(number);
  if (stream != nullptr && stream->awaits_packet_user()) {
    keep_early(number);
  } else if (stream != nullptr && stream->packet_observer() != nullptr) {
    stream->packet_observer()->on_packets(received_);
  } else {
    session_.context().connections.drops().unwanted += received_.size();
  }
  received_.clear();
}

void SessionPackets::keep_early(std::uint64_t number) {
  for (const MutableBytes packet : received_) {
    if (early_.size() == kMaxEarly) {
      ++session_.context().connections.drops().unwanted;
      continue;
    }
    Bytes copy(net::kTunnelWriteHeadroom);
    append(copy, packet);
    early_.push_back({number, std::move(copy)});
  }
}

std::vector<Bytes> SessionPackets::take_early(const SessionStream& stream) {
  std::vector<Bytes> out;
  std::erase_if(early_, [&](Early& one) {
    if (one.number != stream.number()) return false;
    out.push_back(std::move(one.packet));
    return true;
  });
  return out;
}

void SessionPackets::on_packets_writable() {
  tell(&LaneObserver::on_packets_writable);
}

void SessionPackets::on_max_packet() {
  if (link() == nullptr || link()->max_packet() < kept_) return;
  kept_ = 0;
  carried_ = link()->max_packet();
  settling_timer_.stop();
  tell(&LaneObserver::on_max_packet);
}

/// Who is told may end others, which stay until the end of the dispatch.
void SessionPackets::tell(void (LaneObserver::*what)()) {
  const auto self = session_.shared_from_this();
  const std::vector<SessionStream*> all = streams_;
  for (SessionStream* const stream : all) {
    LaneObserver* const observer = stream->packet_observer();
    if (observer != nullptr && !stream->awaits_packet_user()) (observer->*what)();
  }
}

}  // namespace hsfwd::hyperdht
