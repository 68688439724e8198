// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/relay/relay_server.hpp"

#include <algorithm>
#include <vector>

#include "util/check.hpp"
#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kTokenSweepInterval = 5_s;
// A token costs its sender nothing, so many more may wait than can be joined; beyond that the
// oldest makes room.
constexpr std::size_t kWaitingPerPair = 4;
// The rate is kept over this time, and at least some packets of one window may come at once.
constexpr double kBurstSeconds = 0.1;
constexpr double kMinBurst = 64 * 1024;
}  // namespace

// --- A session ---

RelaySession::RelaySession(RelayServer& server, secret_stream::Protomux& mux,
                           const crypto::PublicKey& peer, net::Ipv4 host,
                           std::function<void()> on_over)
    : server_(server),
      peer_(peer),
      host_(host),
      on_over_(std::move(on_over)),
      idle_since_(server.scheduler_.now()) {
  ++server_.sessions_;
  ++server_.stats_.sessions_accepted;
  channel_ = mux.open(kBlindRelayProtocol, peer.view(), *this);
}

void RelaySession::cancel() {
  if (std::exchange(cancelled_, true)) return;
  end_pairs();
  --server_.sessions_;
  ++server_.stats_.sessions_closed;
}

void RelaySession::end_pairs() {
  while (!waiting_.empty()) {
    ++server_.stats_.pairings_cancelled;
    server_.forget_waiting(*waiting_.begin());
  }
  while (!links_.empty()) server_.end(*links_.begin()->second);
}

void RelaySession::on_closed() {
  end_pairs();
  on_over_();
}

bool RelaySession::on_message(std::uint64_t type, ByteView payload) {
  switch (static_cast<RelayMessage>(type)) {
    case RelayMessage::kPair:
      return on_pair(payload);
    case RelayMessage::kUnpair:
      return on_unpair(payload);
  }
  return true;
}

bool RelaySession::on_pair(ByteView payload) {
  const auto message = PairMessage::decode(payload);
  if (message) server_.pair(*this, *message);
  return message.ok();
}

bool RelaySession::on_unpair(ByteView payload) {
  const auto message = UnpairMessage::decode(payload);
  if (message) server_.unpair(*this, message->token);
  return message.ok();
}

void RelaySession::reply(const PairMessage& message) {
  channel_->send(RelayMessage::kPair, message.encode());
}

void RelaySession::refuse() {
  ++server_.stats_.pairings_refused;
  if (pairs() > 0) return;
  channel_->close();
  on_over_();
}

void RelaySession::note_idle() {
  if (pairs() == 0) idle_since_ = server_.scheduler_.now();
}

// --- A pair ---

RelayPair::RelayPair(RelayServer& server, const RelayToken& token)
    : server_(server),
      token_(token),
      sides_{Side(*this), Side(*this)},
      active_at_(server.scheduler_.now()) {}

void RelayPair::cancel() {
  // Of a pair that forwards, a peer may be waiting with the same token for the next.
  const bool waits = sides_[0].leg == nullptr;
  for (Side& side : sides_) {
    if (RelaySession* const session = std::exchange(side.session, nullptr)) {
      if (waits) session->waiting_.erase(token_);
      const auto link = session->links_.find(token_);
      if (link != session->links_.end() && link->second == this) session->links_.erase(link);
      server_.note_side_given_up(*session);
      session->note_idle();
    }
    side.leg.reset();
    side.socket.reset();
  }
}

net::Ipv4 RelayPair::waiting_host() const {
  const RelaySession* session =
      sides_[0].session != nullptr ? sides_[0].session : sides_[1].session;
  return session->host_;
}

/// The peer is where its first packet comes from. The relay's socket that the packet came to need
/// not be that of the peer's session. After it has found a direct path the peer repeats from
/// another socket what it sent before; that must not move the leg, but has to get through.
bool RelayPair::Side::accept_path(net::UdpSocket& arrival, net::Address from) {
  if (leg->connected()) return from.host == leg->remote().host;
  socket = pair.server_.hold_socket_(arrival);
  leg->connect(arrival, peer_id, from);
  return true;
}

bool RelayPair::Side::allow_forward(std::size_t size) {
  pair.active_at_ = pair.server_.scheduler_.now();
  return pair.server_.admit(size);
}

void RelayPair::Side::on_closed() {
  pair.server_.end(pair);
}

// --- The server ---

RelayServer::RelayServer(Scheduler& scheduler, CreateLeg create_leg, HoldSocket hold_socket,
                         const RelayLimits& limits)
    : scheduler_(scheduler),
      create_leg_(std::move(create_leg)),
      hold_socket_(std::move(hold_socket)),
      limits_(limits),
      active_(scheduler),
      budget_({.per_second = static_cast<double>(limits.rate),
               .capacity = std::max(static_cast<double>(limits.rate) * kBurstSeconds, kMinBurst)},
              scheduler.now()),
      sweep_timer_(scheduler, [this] { sweep(); }) {}

RelayServer::~RelayServer() {
  HSFWD_CHECK(sessions_ == 0);
}

void RelayServer::pair(RelaySession& session, const PairMessage& message) {
  const auto found = waiting_.find(message.token);
  if (found != waiting_.end() && found->second->side(message.initiator).session != nullptr) return;
  ++stats_.pairings_requested;
  if (!may_hold_another(session)) {
    session.refuse();
    return;
  }
  if (found == waiting_.end()) make_room_for_waiting();
  auto& pair = found != waiting_.end() ? found->second : waiting_[message.token];
  if (!pair) pair = std::make_unique<RelayPair>(*this, message.token);
  RelayPair::Side& side = pair->side(message.initiator);
  side.session = &session;
  side.peer_id = message.id;
  note_side(session);
  session.waiting_.insert(message.token);
  sweep_later();
  if (pair->side(!message.initiator).session == nullptr) return;
  auto matched = std::move(pair);
  waiting_.erase(message.token);
  join(std::move(matched));
}

void RelayServer::join(std::unique_ptr<RelayPair> pair) {
  std::array<RelaySession*, 2> sessions{};
  for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i] = pair->sides_[i].session;
  for (RelaySession* session : sessions) session->waiting_.erase(pair->token_);
  if (active_.size() >= limits_.max_pairs) {
    pair->cancel();
    sessions[0]->refuse();
    if (sessions[1] != sessions[0]) sessions[1]->refuse();
    return;
  }
  ++stats_.pairings_matched;
  RelayPair& joined = *pair;
  for (RelayPair::Side& side : joined.sides_) {
    // Peers that start over with a token are done with what they had under it.
    const auto old = side.session->links_.find(joined.token_);
    if (old != side.session->links_.end() && old->second != &joined) end(*old->second);
    side.session->links_[joined.token_] = &joined;
    side.leg = create_leg_(side);
  }
  udx::RelayLeg::join(*joined.sides_[0].leg, *joined.sides_[1].leg);
  joined.active_at_ = scheduler_.now();
  active_.add(std::move(pair));
  for (const bool initiator : {false, true}) {
    RelayPair::Side& side = joined.side(initiator);
    side.session->reply({.initiator = initiator, .token = joined.token_, .id = side.leg->id()});
  }
}

/// A waiting token can be taken back by anybody who knows it; a pair only by those it joins.
void RelayServer::unpair(RelaySession& session, const RelayToken& token) {
  if (waiting_.contains(token)) {
    ++stats_.pairings_cancelled;
    forget_waiting(token);
    return;
  }
  const auto link = session.links_.find(token);
  if (link == session.links_.end()) return;
  ++stats_.pairings_cancelled;
  end(*link->second);
}

void RelayServer::forget_waiting(const RelayToken& token) {
  const auto found = waiting_.find(token);
  if (found == waiting_.end()) return;
  const std::unique_ptr<RelayPair> pair = std::move(found->second);
  waiting_.erase(found);
  pair->cancel();
}

bool RelayServer::may_hold_another(const RelaySession& session) const {
  const auto of_key = sides_of_key_.find(session.peer_);
  if (of_key != sides_of_key_.end() && of_key->second >= limits_.max_sides_of_key) return false;
  const auto of_host = sides_of_host_.find(session.host_);
  return of_host == sides_of_host_.end() ||
         of_host->second < limits_.max_sides_of_host(session.host_);
}

void RelayServer::note_side(const RelaySession& session) {
  ++sides_of_key_[session.peer_];
  ++sides_of_host_[session.host_];
}

void RelayServer::note_side_given_up(const RelaySession& session) {
  const auto of_key = sides_of_key_.find(session.peer_);
  if (--of_key->second == 0) sides_of_key_.erase(of_key);
  const auto of_host = sides_of_host_.find(session.host_);
  if (--of_host->second == 0) sides_of_host_.erase(of_host);
}

/// At the cost of the host that has the most tokens waiting: others do not lose theirs to its.
void RelayServer::make_room_for_waiting() {
  if (waiting_.size() < limits_.max_pairs * kWaitingPerPair) return;
  std::map<net::Ipv4, std::size_t> count;
  for (const auto& [token, pair] : waiting_) ++count[pair->waiting_host()];
  const auto most = std::max_element(
      count.begin(), count.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const RelayPair* oldest = nullptr;
  for (const auto& [token, pair] : waiting_) {
    const bool of_most = pair->waiting_host() == most->first;
    if (of_most && (!oldest || pair->active_at_ < oldest->active_at_)) oldest = pair.get();
  }
  ++stats_.pairings_expired;
  forget_waiting(RelayToken(oldest->token_));
}

/// May come from a leg of the pair itself.
void RelayServer::end(RelayPair& pair) {
  active_.retire(pair);
}

/// Above the rate packets are dropped, as by any full link; the peers' congestion control answers.
bool RelayServer::admit(std::size_t size) {
  if (limits_.rate > 0 && !budget_.try_take(scheduler_.now(), static_cast<double>(size))) {
    ++stats_.packets_dropped;
    return false;
  }
  ++stats_.packets_forwarded;
  stats_.bytes_forwarded += size;
  return true;
}

void RelayServer::sweep_later() {
  if (!sweep_timer_.armed()) sweep_timer_.start(kTokenSweepInterval);
}

void RelayServer::sweep() {
  const Instant now = scheduler_.now();
  std::vector<RelayToken> expired;
  for (const auto& [token, pair] : waiting_) {
    if (now - pair->active_at_ >= limits_.waiting_expiry) expired.push_back(token);
  }
  stats_.pairings_expired += expired.size();
  for (const RelayToken& token : expired) forget_waiting(token);
  std::vector<RelayPair*> idle;
  for (const auto& pair : active_) {
    if (now - pair->active_at_ >= limits_.idle_expiry) idle.push_back(pair.get());
  }
  stats_.pairs_expired += idle.size();
  for (RelayPair* pair : idle) end(*pair);
  if (!waiting_.empty() || !active_.empty()) sweep_later();
}

void RelayServer::collect(MetricSink& sink) const {
  sink.counter("hsfwd_relay_sessions", "Peers that came to the relay", stats_.sessions_accepted);
  sink.counter("hsfwd_relay_sessions_closed", "Of these, gone again", stats_.sessions_closed);
  sink.counter("hsfwd_relay_pairings", "Pairings that were asked for", stats_.pairings_requested);
  sink.counter("hsfwd_relay_pairings_matched", "Of these, with both sides there",
               stats_.pairings_matched);
  const char* name = "hsfwd_relay_pairings_ended";
  const char* help = "Pairings that came to nothing, or to an end for silence";
  sink.counter(name, help, stats_.pairings_cancelled, {{"reason", "cancelled"}});
  sink.counter(name, help, stats_.pairings_expired, {{"reason", "nobody_came"}});
  sink.counter(name, help, stats_.pairings_refused, {{"reason", "limit"}});
  sink.counter(name, help, stats_.pairs_expired, {{"reason", "idle"}});
  sink.counter("hsfwd_relay_packets", "Packets forwarded", stats_.packets_forwarded);
  sink.counter("hsfwd_relay_bytes", "Bytes forwarded, of UDP payload", stats_.bytes_forwarded);
  sink.counter("hsfwd_relay_packets_dropped", "Packets dropped, above the rate",
               stats_.packets_dropped);
  sink.gauge("hsfwd_relay_waiting", "Peers that wait for the other side", waiting());
  sink.gauge("hsfwd_relay_pairs", "Pairs that are carried", active());
}

}  // namespace hsfwd::hyperdht
