// SPDX-License-Identifier: Apache-2.0
#include "udx/mux.hpp"

#include <algorithm>
#include <utility>

#include "udx/bbr.hpp"
#include "util/metrics.hpp"

namespace hsfwd::udx {

namespace {
constexpr std::size_t kSlabSize = 64 * 1024;  // one record of the layer above, one GSO send
constexpr std::size_t kSmallSlabSize =
    2048;  // what no packet passes, so that none touches three slabs
constexpr std::size_t kIdleSlabs = 64;
constexpr std::size_t kIdlePackets = 1024;
// A peer repeats its end for thirteen seconds before it takes the stream for timed out.
constexpr Duration kLinger = 15_s;
constexpr std::size_t kMaxLingering = 4096;
constexpr std::size_t kMaxParked = 1024;  // more than a batch of datagrams has
// A peer that has missed a reset may have a window of packets under way: it is told again, but not
// for each of them.
constexpr Duration kResetAgain = 100_ms;
// After a lost acknowledgement the peer's tail probe comes within this, and a little for its timer.
constexpr std::int64_t kTailProbeTrips = 3;
constexpr Duration kTailProbeSlack = 10_ms;
}  // namespace

Mux::Mux(Scheduler& scheduler, Random& random, std::size_t max_held)
    : scheduler_(scheduler),
      random_(random),
      budget_(max_held),
      slabs_(kSlabSize, kIdleSlabs),
      small_slabs_(kSmallSlabSize, kIdleSlabs),
      packets_(net::kMaxDatagram, kIdlePackets),
      batch_task_(scheduler, [this] { end_batch(); }),
      linger_timer_(scheduler, [this] { sweep_lingering(); }) {}

Mux::~Mux() {
  HSFWD_CHECK(receivers_.empty());
}

StreamId Mux::fresh_id() {
  for (;;) {
    const StreamId id{random_.u32()};
    if (is_free(id)) return id;
  }
}

std::unique_ptr<Stream> Mux::create_stream(StreamObserver& observer, const StreamOptions& options) {
  return create_stream(fresh_id(), observer, options);
}

std::unique_ptr<Stream> Mux::create_stream(StreamId id, StreamObserver& observer,
                                           const StreamOptions& options) {
  return std::make_unique<Stream>(*this, id, observer, options);
}

std::unique_ptr<Stream> Mux::create_stream(Path& path, StreamObserver& observer,
                                           const StreamOptions& options) {
  return create_stream(path, fresh_id(), observer, options);
}

std::unique_ptr<Stream> Mux::create_stream(Path& path, StreamId id, StreamObserver& observer,
                                           const StreamOptions& options) {
  return std::make_unique<Stream>(*this, path, id, observer, options);
}

std::unique_ptr<Path> Mux::create_path(std::size_t max_mtu) {
  return create_path(std::make_unique<Bbr>(PathMtu::kBase - kOverhead, random_.u32()), max_mtu);
}

std::unique_ptr<Path> Mux::create_path(std::unique_ptr<CongestionController> congestion,
                                       std::size_t max_mtu) {
  return std::make_unique<Path>(scheduler_, transmitter_, std::move(congestion), max_mtu);
}

std::unique_ptr<RelayLeg> Mux::create_leg(RelayLegObserver& observer) {
  return create_leg(fresh_id(), observer);
}

std::unique_ptr<RelayLeg> Mux::create_leg(StreamId id, RelayLegObserver& observer) {
  return std::make_unique<RelayLeg>(*this, id, observer);
}

void Mux::add(Receiver& receiver) {
  // What ends a stream for want of memory needs none. Half of them may have gone within one batch.
  dirty_.reserve(2 * receivers_.size() + 2);
  flushing_.reserve(dirty_.capacity());
  HSFWD_CHECK(receivers_.emplace(receiver.id().value, &receiver).second);
}

void Mux::remove(Receiver& receiver) {
  const auto found = receivers_.find(receiver.id().value);
  if (found != receivers_.end() && found->second == &receiver) receivers_.erase(found);
}

void Mux::forget(Receiver& receiver) {
  remove(receiver);
  if (!receiver.dirty_) return;
  std::replace(dirty_.begin(), dirty_.end(), &receiver, static_cast<Receiver*>(nullptr));
}

bool Mux::on_datagram(net::UdpSocket& socket, const net::InboundDatagram& datagram) {
  const auto packet = Packet::parse(datagram.bytes);
  if (!packet) return false;
  const auto found = receivers_.find(packet->header.stream.value);
  if (found == receivers_.end()) {
    return answer_for_lingering(datagram.from, *packet) || park(socket, datagram, *packet);
  }
  Receiver& receiver = *found->second;
  mark_dirty(receiver);
  guard(receiver, [&] { receiver.input(socket, datagram.from, *packet, datagram.bytes); });
  return true;
}

void Mux::on_carried(net::UdpSocket& socket, const net::InboundDatagram& datagram) {
  // Whatever happens in there, the next packet is not taken for one that somebody has authenticated.
  struct Taking {
    explicit Taking(bool& f) : flag(f) { flag = true; }
    ~Taking() { flag = false; }
    bool& flag;
  } const taking(takes_carried_);
  on_datagram(socket, datagram);
}

void Mux::mark_dirty(Receiver& receiver) {
  if (!receiver.dirty_) {
    receiver.dirty_ = true;
    dirty_.push_back(&receiver);
  }
  if (!in_batch_) batch_task_.post();
}

/// Data that comes right behind the word that makes a stream of it.
bool Mux::park(net::UdpSocket& socket, const net::InboundDatagram& datagram, const Packet& packet) {
  const bool opens = packet.header.has(kData) && packet.valid;
  if (expecting_ == 0 || !opens || parked_.size() >= kMaxParked) return false;
  try {
    parked_.push_back({&socket, datagram});
  } catch (const std::bad_alloc&) {
    return true;  // lost, as a network loses datagrams
  }
  if (!in_batch_) batch_task_.post();
  return true;
}

void Mux::take_parked() {
  for (const Parked& parked : std::exchange(parked_, {})) {
    const auto packet = Packet::parse(parked.datagram.bytes);
    const auto found = receivers_.find(packet->header.stream.value);
    if (found == receivers_.end()) continue;
    Receiver& receiver = *found->second;
    mark_dirty(receiver);
    guard(receiver, [&] {
      receiver.input(*parked.socket, parked.datagram.from, *packet, parked.datagram.bytes);
    });
  }
}

void Mux::end_batch() {
  if (in_batch_) return;
  in_batch_ = true;
  deliver_batch();
  while (!parked_.empty()) {
    take_parked();
    deliver_batch();
  }
  in_batch_ = false;
  batch_task_.cancel();
  transmitter_.flush();
}

void Mux::deliver_batch() {
  // Sending makes room, room wakes writers, writers have more to send: until windows or pacers are
  // full, or nothing is left.
  while (!dirty_.empty()) {
    // Observers may write to, create and destroy streams, so the list can grow and lose entries.
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
      while (deliver_next(i)) {
      }
    }
    delivering_memory_.clear();
    flushing_.swap(dirty_);
    for (Receiver* const receiver : flushing_) {
      if (receiver == nullptr) continue;
      receiver->dirty_ = false;
      guard(*receiver, [&] { receiver->flush(); });
    }
    flushing_.clear();
  }
}

/// Like guard(), but that an observer may destroy the receiver.
bool Mux::deliver_next(std::size_t dirty) {
  if (dirty_[dirty] == nullptr) return false;
  try {
    return dirty_[dirty]->deliver_next();
  } catch (const std::bad_alloc&) {
    if (dirty_[dirty] != nullptr) dirty_[dirty]->run_out_of_memory();
    return true;
  }
}

void Mux::on_writable(net::UdpSocket& socket) {
  if (!transmitter_.on_writable(socket)) return;
  for (const auto& [id, receiver] : receivers_) {
    if (receiver->sends_through(socket)) mark_dirty(*receiver);
  }
}

void Mux::forget_socket(const net::UdpSocket& socket) {
  transmitter_.flush();
  transmitter_.forget(socket);
  std::erase_if(lingering_, [&](const auto& entry) { return entry.second.socket == &socket; });
}

void Mux::linger(const Stream& stream, const Header& answer, ByteView payload) {
  if (!stream.connected() || lingering_.size() >= kMaxLingering) return;
  const Instant now = scheduler_.now();
  lingering_[stream.id().value] = Lingering{
      .socket = stream.socket(),
      .to = stream.remote(),
      .heard_from = stream.last_source_,
      .answer = answer,
      .payload = to_bytes(payload),
      .until = now + kLinger,
      // To who is unproven it may not have been sent yet.
      .answered_at = stream.limited() ? now - kResetAgain : now,
      .unproven = stream.limited(),
  };
  if (!answer.has(kDestroy) || !payload.empty()) {
    const Duration tail_probe = stream.path().rtt().smoothed() * kTailProbeTrips + kTailProbeSlack;
    owed_until_ = std::max(owed_until_, now + tail_probe);
  }
  if (!linger_timer_.armed()) linger_timer_.start(kLinger);
}

bool Mux::answer_for_lingering(const net::Address& from, const Packet& packet) {
  const auto found = lingering_.find(packet.header.stream.value);
  if (found == lingering_.end()) return false;
  Lingering& entry = found->second;
  if (from != entry.to && from != entry.heard_from) return true;
  const bool asks =
      packet.header.has(kData) || packet.header.has(kEnd) || packet.header.has(kHeartbeat);
  const bool too_soon =
      entry.answer.has(kDestroy) && scheduler_.now() < entry.answered_at + kResetAgain;
  if (!asks || too_soon) return true;
  entry.answered_at = scheduler_.now();
  const std::size_t most = kAmplification * (kHeaderSize + packet.payload.size());
  const bool fits = !entry.unproven || kHeaderSize + entry.payload.size() <= most;
  transmitter_.add_copy({entry.socket, entry.to}, entry.answer, {},
                        fits ? ByteView(entry.payload) : ByteView());
  batch_task_.post();
  return true;
}

Duration Mux::owed_for() const {
  return std::max(Duration(), owed_until_ - scheduler_.now());
}

void Mux::sweep_lingering() {
  std::erase_if(lingering_,
                [&](const auto& entry) { return entry.second.until <= scheduler_.now(); });
  if (lingering_.empty()) return;
  Instant next = Instant::max();
  for (const auto& [id, entry] : lingering_) next = std::min(next, entry.until);
  linger_timer_.start_at(next);
}

void Mux::collect(MetricSink& sink) const {
  sink.gauge("hsfwd_streams", "UDX streams, and legs of relayed ones", streams());
  sink.gauge("hsfwd_buffered_bytes", "What all streams hold unread and unsent", budget_.held());
  sink.gauge("hsfwd_buffered_bytes_most", "The most that they ever held", budget_.most_held());
  sink.gauge("hsfwd_buffered_bytes_limit", "The most that they may hold", budget_.limit());
  sink.counter("hsfwd_buffer_full_packets", "Packets dropped because there was no room for them",
               budget_.refused());
  sink.gauge("hsfwd_early_packets", "Packets kept until those before them come", packets_kept());
}

Receiver::~Receiver() {
  mux_.forget(*this);
}

void Receiver::mark_dirty() {
  mux_.mark_dirty(*this);
}

}  // namespace hsfwd::udx
