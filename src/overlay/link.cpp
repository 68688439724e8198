// SPDX-License-Identifier: Apache-2.0
#include "overlay/link.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "overlay/nospoon_stream.hpp"

namespace hsfwd::overlay {

namespace {

// A connection that was heard of within this time is there.
constexpr Duration kSilence = 3_s;
// Of two sides the one that has made the connection ends it; the other would dial anew at the same moment.
constexpr Duration kOthersGrace = 1_min;
// Made by both sides about the same moment: a dial takes no longer.
constexpr Duration kAtOnce = 15_s;
// One that has lasted so long was there. What came over it does not count: a peer can send a packet each time.
constexpr Duration kSettled = 5_s;
constexpr const char* kUnused = "nothing was sent for long";
constexpr const char* kTooMany = "there is a newer connection";
constexpr const char* kNoNetwork = "the peer has no network for this key";
constexpr const char* kSilent = "the peer does not answer";

}  // namespace

class Link::Connection final : net::ByteStreamObserver, PacketObserver {
 public:
  Connection(Link& link, std::uint64_t id, std::unique_ptr<PeerStream> stream, bool outgoing)
      : link_(link),
        id_(id),
        stream_(std::move(stream)),
        outgoing_(outgoing),
        heard_(link.scheduler_.now()) {
    stream_->set_observer(this);
    stream_->set_packet_observer(this);
    stream_->set_on_path_changed([this] { link_.owner_.on_link_changed(link_); });
    if (outgoing_) stream_->set_on_open([this] { link_.on_open(*this); });
  }

  void cancel() {
    stream_->set_packet_observer(nullptr);
    stream_->cancel();
  }

  std::uint64_t id() const { return id_; }
  bool outgoing() const { return outgoing_; }
  bool open() const { return opened_.has_value(); }
  Instant opened() const { return opened_.value_or(Instant()); }
  Instant heard() const { return heard_; }
  /// Since when packets are sent without any that comes back.
  std::optional<Instant> unreturned() const { return unreturned_; }
  Instant used() const { return std::max(heard_, sent_); }
  /// It was more than a handshake.
  bool settled() const { return opened_ && link_.scheduler_.now() - *opened_ >= kSettled; }
  PeerStream& stream() { return *stream_; }
  const PeerStream& stream() const { return *stream_; }

  void set_open() {
    opened_ = link_.scheduler_.now();
    hear();
  }
  std::size_t send(std::span<const MutableBytes> packets) {
    sent_ = link_.scheduler_.now();
    if (!unreturned_) unreturned_ = sent_;
    if (!link_.answer_timer_.armed()) link_.answer_timer_.start(kUnanswered);
    return stream_->send_packets(packets);
  }
  /// Since when the answer to ask() is waited for.
  std::optional<Instant> asked() const { return asked_; }
  /// Whether the peer is there. It is heard of if it is.
  void ask() {
    if (!asked_) asked_ = link_.scheduler_.now();
    stream_->ping([this](Duration) { hear(); });
  }

 private:
  // The stream carries nothing. What a peer says there is dropped, so that it does not fill up.
  void on_readable() override {
    for (ByteView bytes = stream_->peek(); !bytes.empty(); bytes = stream_->peek()) {
      stream_->consume(bytes.size());
    }
    if (stream_->read_state() == net::ReadState::kEnd) link_.on_over(*this, "");
  }
  void on_writable() override {}
  void on_reset(const std::string& reason) override { link_.on_over(*this, reason); }

  void hear() {
    heard_ = link_.scheduler_.now();
    asked_.reset();
  }
  void on_packets(std::span<const MutableBytes> packets) override {
    hear();
    if (!packets.empty()) unreturned_.reset();
    link_.on_packets(*this, packets);
  }
  void on_packets_writable() override { link_.drain(); }
  void on_max_packet() override { link_.owner_.on_link_changed(link_); }

  Link& link_;
  const std::uint64_t id_;
  std::unique_ptr<PeerStream> stream_;
  const bool outgoing_;
  std::optional<Instant> opened_;
  Instant heard_;
  Instant sent_;
  std::optional<Instant> unreturned_;
  std::optional<Instant> asked_;
};

Link::Link(Scheduler& scheduler, PacketPool& pool, const PublicKey& own, const PublicKey& peer,
           const Terms& terms, const Outside& outside, LinkOwner& owner)
    : scheduler_(scheduler),
      smaller_(own < peer),
      peer_(peer),
      terms_(terms),
      outside_(outside),
      owner_(owner),
      connections_(scheduler),
      queue_(pool, kDialledQueue),
      rest_timer_(scheduler, [this] { on_rested(); }),
      idle_timer_(scheduler, [this] { look_for_idle(); }),
      answer_timer_(scheduler, [this] { look_for_answers(); }),
      check_timer_(scheduler, [this] { on_checked(); }) {}

Link::~Link() {
  connections_.retire_all();
}

Link::State Link::state() const {
  if (active_ != nullptr) return State::kOpen;
  if (dialling() || (patient_ && rest_timer_.armed())) return State::kDialling;
  return rest_timer_.armed() ? State::kResting : State::kIdle;
}

bool Link::dialling() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& connection) { return !connection->open(); });
}

std::optional<Link::InUse> Link::in_use() const {
  if (active_ == nullptr) return std::nullopt;
  return InUse{active_->id(), &active_->stream(), active_->opened()};
}

std::optional<std::size_t> Link::max_packet() const {
  if (terms_.nospoon) return NospoonStream::kMaxPacket;
  const std::size_t most = active_ != nullptr ? active_->stream().max_packet() : 0;
  return most > 0 ? std::optional(most) : std::nullopt;
}

// --- Connections ---

void Link::begin_dial() {
  dialled_ = scheduler_.now();
  rest_timer_.stop();
  const std::uint64_t id = outside_.take_id();
  add(id, outside_.dial(peer_, id), true);
  owner_.on_link_changed(*this);
}

void Link::add(std::uint64_t id, std::unique_ptr<PeerStream> stream, bool outgoing) {
  if (terms_.nospoon) {
    stream = std::make_unique<NospoonStream>(
        scheduler_, std::move(stream), terms_.max_inbound,
        [this](std::uint64_t packets) { drops_.add(Drop::kTooBig, packets); });
  }
  connections_.emplace(*this, id, std::move(stream), outgoing);
}

void Link::start() {
  if (terms_.nospoon != Nospoon::kServer || std::exchange(started_, true)) return;
  if (state() == State::kIdle) begin_dial();
}

void Link::accept(std::unique_ptr<PeerStream> stream) {
  add(outside_.take_id(), std::move(stream), false);
  on_open(**std::prev(connections_.end()));
}

/// A peer that has lost its connections, or lets us in and is silent, keeps no more than so many of either side's.
void Link::make_room_for(const Connection& added) {
  std::size_t others = 0;
  Connection* worst = nullptr;
  for (const auto& connection : connections_) {
    if (connection.get() == &added || !connection->open()) continue;
    if (connection->outgoing() != added.outgoing()) continue;
    ++others;
    if (worst == nullptr || better(*worst, *connection)) worst = connection.get();
  }
  if (others < kMaxConnections) return;
  worst->stream().reset_because(kTooMany);
  on_over(*worst, "");
}

void Link::on_open(Connection& connection) {
  if (!connection.stream().info().open) return;  // on_reset follows
  if (!connection.stream().takes_packets()) {
    connection.stream().reset_because(kNoNetwork);
    return on_over(connection, kNoNetwork);
  }
  connection.set_open();
  error_.clear();
  rest_timer_.stop();
  idle_timer_.start_at_latest(scheduler_.now() + kIdleTime);
  make_room_for(connection);
  choose();
  use_best();
}

/// After choose().
void Link::use_best() {
  owner_.on_link_changed(*this);
  drain();
}

void Link::on_over(Connection& connection, const std::string& reason) {
  const bool settled = connection.settled();
  const bool outgoing = connection.outgoing();
  if (active_ == &connection) active_ = nullptr;
  connections_.retire(connection);
  choose();
  if (settled) rest_ = kFirstRest;
  if (settled && started_) doubted_until_ = scheduler_.now() + kInDoubt;
  if (active_ == nullptr && !dialling()) {
    // An end for want of use is none to speak of.
    error_ = reason.ends_with(kUnused) ? "" : reason;
    if (outgoing && !settled) {
      rest();
    } else if (may_dial() && (started_ || !queue_.empty())) {
      return begin_dial();
    } else {
      give_up_waiting();
    }
  }
  use_best();
}

void Link::rest() {
  patient_ = rest_ == kFirstRest && !queue_.empty();
  rest_timer_.start(rest_);
  rest_ = std::min(rest_ * 2, kLongestRest);
  if (!patient_) give_up_waiting();
}

void Link::on_rested() {
  if (std::exchange(patient_, false) || started_) return begin_dial();
  owner_.on_link_changed(*this);
}

bool Link::better(const Connection& a, const Connection& b) const {
  const auto silent = [&](const Connection& one, const Connection& other) {
    return other.heard() - one.heard() > kSilence;
  };
  // Both sides order them alike: that the smaller key has made it is the same fact on either.
  const auto rank = [&](const Connection& one, const Connection& other) {
    const bool at_once =
        one.opened() - other.opened() < kAtOnce && other.opened() - one.opened() < kAtOnce;
    return std::tuple(!silent(one, other), at_once && one.outgoing() == smaller_, one.opened());
  };
  return rank(a, b) > rank(b, a);
}

void Link::choose() {
  Connection* best = nullptr;
  for (const auto& connection : connections_) {
    if (!connection->open()) continue;
    if (best == nullptr || better(*connection, *best)) best = connection.get();
  }
  active_ = best;
  queue_.set_limits(active_ != nullptr ? kOpenQueue : kDialledQueue);
}

void Link::look_for_idle() {
  if (started_) return;
  const Instant now = scheduler_.now();
  std::optional<Instant> next;
  std::vector<Connection*> unused;
  for (const auto& connection : connections_) {
    if (!connection->open()) continue;
    const Instant until =
        connection->used() + kIdleTime + (connection->outgoing() ? Duration() : kOthersGrace);
    if (until <= now) {
      unused.push_back(connection.get());
    } else if (!next || until < *next) {
      next = until;
    }
  }
  for (Connection* connection : unused) {
    connection->stream().reset_because(kUnused);
    on_over(*connection, "");
  }
  if (next) idle_timer_.start_at(*next);
}

void Link::look_for_answers() {
  if (active_ == nullptr) return;
  if (is_forgotten()) {
    const Instant until = doubted_until_;  // not of this one
    give_up(*active_);
    doubted_until_ = until;
    return;
  }
  if (scheduler_.now() - active_->heard() < kUnanswered) {
    // What waits for the connection to take it is as good as sent.
    if (!queue_.empty()) answer_timer_.start(kUnanswered);
    return;
  }
  if (!active_->asked()) {
    active_->ask();
  } else if (active_->stream().in_session() && scheduler_.now() - *active_->asked() >= kGivenUp) {
    // The session waits for its peer for longer than packets have any use of.
    give_up(*active_);
  } else if (!dialling()) {
    replace();
  }
  answer_timer_.start(kUnanswered);
}

/// By one that is dialled beside it, where the peer can have two, and there is no session that looks for it.
void Link::replace() {
  if (active_->outgoing() && active_->stream().in_session()) return;
  if (!terms_.nospoon) return begin_dial();
  if (!may_dial() || scheduler_.now() - *active_->asked() < kGivenUp) return;
  give_up(*active_);
}

/// The peer is there, and has nobody to send to.
bool Link::is_forgotten() const {
  const Instant now = scheduler_.now();
  return now < doubted_until_ && active_->unreturned() && now - *active_->unreturned() >= kGivenUp;
}

void Link::give_up(Connection& connection) {
  connection.stream().reset_because(kSilent);
  on_over(connection, kSilent);
}

void Link::check() {
  if (started_ && rest_timer_.armed() && !dialled_lately()) return begin_dial();
  if (active_ == nullptr) return;
  // Where changes follow each other, the first question that is not answered counts.
  const bool waits = check_timer_.armed() && active_->asked();
  active_->ask();
  // This is the question that silence would lead to, too.
  answer_timer_.start(kUnanswered);
  if (!waits) check_timer_.start(kCheckWait);
}

bool Link::dialled_lately() const {
  return dialled_ && scheduler_.now() - *dialled_ < kUnanswered;
}

/// No more often than for silence, however often the addresses change.
void Link::on_checked() {
  if (active_ == nullptr || !active_->asked() || dialling()) return;
  if (!may_dial()) return;
  if (dialled_lately()) return;
  terms_.nospoon ? give_up(*active_) : replace();
}

void Link::close(const std::string& reason) {
  active_ = nullptr;
  started_ = false;
  answer_timer_.stop();
  check_timer_.stop();
  rest_timer_.stop();
  idle_timer_.stop();
  queue_.clear();
  for (const auto& connection : connections_) {
    if (connection->open()) connection->stream().reset_because(reason);
  }
  connections_.retire_all();
}

// --- Packets ---

Drops Link::drops() const {
  Drops out = drops_;
  out.add(Drop::kQueueFull, queue_.drops().full);
  out.add(Drop::kLate, queue_.drops().old + queue_.drops().codel);
  return out;
}

void Link::send(std::span<const MutableBytes> packets) {
  switch (state()) {
    case State::kResting:
      return refuse(packets);
    case State::kIdle:
      if (!may_dial()) return refuse(packets);
      hold(packets);
      return begin_dial();
    case State::kDialling:
      return hold(packets);
    case State::kOpen:
      break;
  }
  std::size_t taken = 0;
  if (queue_.empty()) {
    taken = active_->send(packets);
    for (const MutableBytes packet : packets.first(taken)) {
      traffic_.bytes_to_peer += packet.size();
    }
    traffic_.packets_to_peer += taken;
  }
  if (taken == packets.size()) return;
  hold(packets.subspan(taken));
  if (!answer_timer_.armed()) answer_timer_.start(kUnanswered);
}

/// Nobody is there.
void Link::refuse(std::span<const MutableBytes> packets) {
  drops_.add(Drop::kUnreachable, packets.size());
  for (const MutableBytes packet : packets) owner_.on_undeliverable(*this, packet);
}

void Link::hold(std::span<const MutableBytes> packets) {
  const Instant now = scheduler_.now();
  for (const MutableBytes packet : packets) queue_.push(packet, now);
}

void Link::drain() {
  while (active_ != nullptr && !queue_.empty()) {
    const auto batch = queue_.front(scheduler_.now());
    if (batch.empty()) return;
    const std::size_t taken = active_->send(batch);
    for (const MutableBytes packet : batch.first(taken)) traffic_.bytes_to_peer += packet.size();
    traffic_.packets_to_peer += taken;
    queue_.pop(taken);
    if (taken < batch.size()) return;
  }
}

void Link::give_up_waiting() {
  for (;;) {
    const auto batch = queue_.front(scheduler_.now());
    if (batch.empty()) return;
    refuse(batch);
    queue_.pop(batch.size());
  }
}

void Link::on_packets(Connection& connection, std::span<const MutableBytes> packets) {
  traffic_.packets_from_peer += packets.size();
  for (const MutableBytes packet : packets) traffic_.bytes_from_peer += packet.size();
  if (active_ != &connection) {
    const Connection* const before = active_;
    choose();
    if (active_ != before) use_best();
  }
  owner_.on_packets(*this, packets);
}

}  // namespace hsfwd::overlay
