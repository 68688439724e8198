// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/holepuncher.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/outcomes.hpp"
#include "hyperdht/nat/punch_socket.hpp"

namespace hsfwd::hyperdht {

namespace {

// Enough to leave any home or carrier network, too little to arrive. Upstream's.
constexpr std::uint8_t kLowTtl = 5;
constexpr std::uint8_t kPunchTtl = 64;
constexpr int kMaxReopens = 3;

// Consistent punches, from the start of punching. The client begins at once. The server gives the
// client's punches a moment to come through the session it has opened: what it sends before the
// client has opened its own may count as an attack there.
constexpr std::array<Duration, 13> kClientPunches = {0_ms, 100_ms, 250_ms, 500_ms, 1_s, 2_s, 3_s,
                                                     4_s,  5_s,    6_s,    7_s,    8_s, 9_s};
constexpr std::array<Duration, 12> kServerPunches = {250_ms, 500_ms, 1_s, 2_s, 3_s, 4_s,
                                                     5_s,    6_s,    7_s, 8_s, 9_s, 10_s};
constexpr std::array<Duration, 2> kSoonPunches = {80_ms, 160_ms};  // one after the other
// Peers have an address or two. All are punched at, and who lists others' has them punched at:
// while nothing proves the host, two of one host.
constexpr std::size_t kMaxRemoteAddresses = 4;
constexpr std::size_t kMaxUnprovenAddresses = 2;
constexpr std::size_t kMaxExpectedHosts = 4;
// A client behind a random NAT may come from several addresses at once, and any echo will do for
// it. A client that has heard none punches ten to thirteen times.
constexpr std::size_t kMaxEchoedAddresses = 8;
constexpr int kEchoesPerAddress = 8;
constexpr int kEchoRepeats = 2;
constexpr Duration kEchoInterval = 80_ms;
// What a peer that has come gets back for its host. More would let who forges a client's packets
// have another punch for each.
constexpr int kMaxGivenBack = 8;
constexpr int kUnverifiedEvery = 4;  // addresses nobody has proven get every fourth punch

constexpr std::uint32_t kFirstRandomPort = 1000;
constexpr Duration kProbeInterval = Duration::micros(1'000'000 / Holepuncher::kProbesPerSecond);
constexpr Duration kBirthdayPause = 100_ms;  // after the burst that opened the sockets
constexpr Duration kBirthdayInterval = 20_ms;
constexpr int kMaxBirthdayPunches = 1750;
// Steps at which the first socket sends a punch that may arrive: 0, 0.1, 0.24, 0.5 s and then once a
// second. It meets whoever is less closed than it seems: a host without a firewall, and a NAT that lets
// in everybody, or every port of a host it has written to.
constexpr std::array<int, 3> kOpenPunches = {5, 12, 25};
constexpr int kOpenPunchEvery = 50;

bool is_random(Firewall firewall) {
  return firewall >= Firewall::kRandom;
}

}  // namespace

const char* to_string(PunchStrategy strategy) {
  switch (strategy) {
    case PunchStrategy::kNone:
      return "none";
    case PunchStrategy::kConsistent:
      return "punch to the address the peer gave";
    case PunchStrategy::kRandomProbes:
      return "probe random ports of the peer";
    case PunchStrategy::kBirthday:
      return "punch from many sockets";
  }
  return "unknown";
}

PunchStrategy choose_strategy(Firewall own, Firewall remote, bool verified) {
  if (is_consistent(own) && is_consistent(remote)) return PunchStrategy::kConsistent;
  if (!verified) return PunchStrategy::kNone;
  if (is_consistent(own) && is_random(remote)) return PunchStrategy::kRandomProbes;
  if (is_random(own) && is_consistent(remote)) return PunchStrategy::kBirthday;
  return PunchStrategy::kNone;
}

Holepuncher::Holepuncher(const Context& context, Role role, Firewall remote_firewall,
                         HolepuncherObserver& observer)
    : context_(context),
      role_(role),
      observer_(observer),
      reopens_left_(kMaxReopens),
      step_timer_(context.env.scheduler, [this] { step(); }),
      echo_timer_(context.env.scheduler, [this] { echo(); }) {
  remote_.firewall = remote_firewall;
  if (role == Role::kServer && take_ready_socket()) return;
  if (acquire()) {
    probe_ = std::make_unique<NatProbe>(context_, socket(), [this] { finish_analysis(); });
  }
}

/// The socket is shared.
bool Holepuncher::take_ready_socket() {
  const PunchSocket* ready = context_.punch_socket.get();
  if (ready == nullptr || !ready->ready()) return false;
  sockets_.push_back(ready->socket());
  ready_socket_ = sockets_.back().get();
  probe_ = std::make_unique<NatProbe>(context_, socket(), ready->nat());
  return true;
}

Holepuncher::~Holepuncher() {
  stop();
}

bool Holepuncher::acquire() {
  auto socket = context_.endpoint.acquire();
  if (!socket) return false;
  sockets_.push_back(std::move(*socket));
  for (const net::Ipv4 host : expected_) sockets_.back()->listen(host, *this);
  return true;
}

void Holepuncher::let_go(PoolSocket& socket) {
  socket.unlisten(*this);
}

void Holepuncher::stop() {
  if (std::exchange(stopped_, true)) return;
  step_timer_.stop();
  echo_timer_.stop();
  analyzed_ = nullptr;
  release();
  if (probe_) probe_->cancel();
  for (const auto& socket : sockets_) let_go(*socket);
  sockets_.clear();
}

// --- What is known ---

void Holepuncher::add_sample(const net::Address& ours, const net::Address& reporter) {
  if (!stopped_) probe_->add(ours, reporter);
}

bool Holepuncher::may_punch_at(const net::Address& to, const net::Address& teller) const {
  return net::may_lead_to(teller.host, to.host) && !context_.addresses.is_own(to) &&
         !nat().was_seen_at(to);
}

/// In the order in which they are tried. A client says where its server is by its own choice, a
/// server hears of its clients from introducers: what those see comes first until the client has
/// proven more.
std::vector<net::Address> Holepuncher::candidates(const Statement& statement) const {
  std::vector<net::Address> out;
  const auto add = [&](const net::Address& address) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  };
  const bool seen_first =
      role_ == Role::kServer && proof_of(statement.seen.host) == PeerProof::kNone;
  if (seen_first) add(statement.seen);
  for (const net::Address& address : statement.addresses) {
    if (out.size() < kMaxRemoteAddresses) add(address);
  }
  if (role_ == Role::kServer) add(statement.seen);
  return out;
}

void Holepuncher::update_remote(const Statement& statement) {
  const auto proof_so_far = [&](net::Ipv4 host) {
    return statement.proven == host ? std::max(statement.proof, proof_of(host)) : proof_of(host);
  };
  std::vector<RemoteAddress> list;
  std::size_t unproven = 0;
  std::optional<net::Ipv4> unproven_host;
  if (role_ == Role::kServer) unproven_host = statement.seen.host;
  for (const net::Address& address : candidates(statement)) {
    const PeerProof proof = proof_so_far(address.host);
    if (list.size() >= kMaxRemoteAddresses || !may_punch_at(address, statement.teller)) continue;
    if (proof == PeerProof::kNone) {
      if (unproven_host.value_or(address.host) != address.host) continue;
      if (++unproven > kMaxUnprovenAddresses) continue;
      unproven_host = address.host;
    }
    list.push_back({address, proof});
  }
  remote_ = {statement.firewall, statement.punching, std::move(list)};
  for (const RemoteAddress& remote : remote_.addresses) expect(remote.address.host);
}

void Holepuncher::introduce(const net::Address& seen, const net::Address& teller) {
  if (usable() && net::may_lead_to(teller.host, seen.host)) expect(seen.host);
}

/// A router that has both peers behind it may pass a punch on as it came, from a private address.
void Holepuncher::expect(net::Ipv4 host) {
  const auto listen = [this](net::Ipv4 from) {
    const bool known = std::find(expected_.begin(), expected_.end(), from) != expected_.end();
    if (stopped_ || known || expected_.size() >= kMaxExpectedHosts) return;
    expected_.push_back(from);
    for (const auto& socket : sockets_) socket->listen(from, *this);
  };
  listen(host);
  if (nat().was_seen_at(host)) listen(PoolSocket::kNeighbours);
}

PeerProof Holepuncher::proof_of(net::Ipv4 host) const {
  PeerProof best = PeerProof::kNone;
  for (const RemoteAddress& remote : remote_.addresses) {
    if (remote.address.host == host) best = std::max(best, remote.proof);
  }
  return best;
}

const Holepuncher::RemoteAddress* Holepuncher::confirmed_address() const {
  const auto found = std::find_if(
      remote_.addresses.begin(), remote_.addresses.end(),
      [](const RemoteAddress& address) { return address.proof == PeerProof::kConfirmed; });
  return found != remote_.addresses.end() ? &*found : nullptr;
}

bool Holepuncher::unstable() const {
  const Firewall own = nat().verdict();
  return own == Firewall::kUnknown || (is_random(own) && is_random(remote_.firewall));
}

void Holepuncher::analyze(bool reopen, std::function<void(bool)> done) {
  HSFWD_CHECK(!analyzed_);
  analyzed_ = std::move(done);
  may_reopen_ = reopen;
  reopened_ = false;
  if (probe_->settled()) finish_analysis();
}

void Holepuncher::finish_analysis() {
  if (!analyzed_) return;
  if (unstable() && may_reopen_ && reopens_left_ > 0 && !punching()) {
    reopen();
    return;
  }
  // With fresh sockets, only a NAT that turned out well helps.
  const bool stable = reopened_ ? is_consistent(nat().verdict()) : !unstable();
  std::exchange(analyzed_, nullptr)(stable);
}

void Holepuncher::reopen() {
  --reopens_left_;
  reopened_ = true;
  context_.env.scheduler.retire(std::move(probe_));
  const auto old = std::exchange(sockets_, {});
  if (acquire()) {
    let_go(*old.front());
    ready_socket_ = nullptr;
  } else {
    sockets_ = old;
  }
  probe_ = std::make_unique<NatProbe>(context_, socket(), [this] { finish_analysis(); });
}

// --- Punches ---

/// Where a client goes is its own choice; a server is sent there by strangers.
bool Holepuncher::affords(net::Ipv4 host) {
  const PeerProof proof = role_ == Role::kServer ? proof_of(host) : PeerProof::kConfirmed;
  if (!context_.punch_limits.take(host, proof, context_.env.now())) return false;
  if (proof != PeerProof::kConfirmed) ++unconfirmed_sent_;
  return true;
}

void Holepuncher::send(net::UdpSocket& socket, const net::Address& to, bool low_ttl) {
  if (to.port != 0 && affords(to.host)) transmit(socket, to, low_ttl);
}

void Holepuncher::transmit(net::UdpSocket& socket, const net::Address& to, bool low_ttl) {
  ++datagrams_;
  if (holds_budget_) context_.punch_budget.spend(context_.env.now(), 1);
  socket.send_one(to, kPunchDatagram, low_ttl ? kLowTtl : kPunchTtl);
}

void Holepuncher::on_path(const net::Address& peer) {
  const int sent = std::exchange(unconfirmed_sent_, 0);
  context_.punch_limits.give_back(peer.host, std::min(sent, kMaxGivenBack), context_.env.now());
}

void Holepuncher::punch_soon(const net::Address& to, const net::Address& teller) {
  if (to == soon_ || !may_punch_at(to, teller)) return;
  soon_ = to;
  send(socket(), to, false);
  if (strategy_ != PunchStrategy::kNone) return;
  steps_ = 0;
  next_step(kSoonPunches.front());
}

void Holepuncher::soon_step() {
  send(socket(), soon_, false);
  const auto next = static_cast<std::size_t>(++steps_);
  if (next < kSoonPunches.size()) next_step(kSoonPunches[next]);
}

void Holepuncher::open_session(const net::Address& to, const net::Address& teller) {
  if (may_punch_at(to, teller)) send(socket(), to, true);
}

/// What comes from an own socket is nobody's. To a client its punch coming back is the proof that
/// the path is open; but whoever answers in kind whatever comes may talk to its like, or itself,
/// for ever.
bool Holepuncher::on_punch(PoolSocket& socket, const net::Address& from) {
  if (context_.addresses.is_own(from)) return true;
  if (role_ == Role::kServer) {
    int* const left = echoes_left_for(from);
    if (left == nullptr || *left == 0) return false;
    echo_socket_ = context_.endpoint.owner_of(socket.socket());
    echo_to_ = from;
    // What came through to one of many sockets took hundreds of punches, maybe: its answer is not
    // left to a single datagram.
    repeats_left_ = &socket == ready_socket_ ? 0 : kEchoRepeats;
    echo();
  }
  observer_.on_punch(socket.socket(), from);
  return true;
}

int* Holepuncher::echoes_left_for(const net::Address& address) {
  const auto known = std::find_if(echoes_.begin(), echoes_.end(),
                                  [&](const Echoes& echoes) { return echoes.to == address; });
  if (known != echoes_.end()) return &known->left;
  if (echoes_.size() >= kMaxEchoedAddresses) return nullptr;
  return &echoes_.emplace_back(Echoes{address, kEchoesPerAddress}).left;
}

void Holepuncher::echo() {
  const auto socket = echo_socket_.lock();
  int* const left = echoes_left_for(echo_to_);
  if (!socket || left == nullptr || *left == 0) return;
  if (!context_.punch_limits.take_echo(echo_to_.host, context_.env.now())) return;
  --*left;
  transmit(socket->socket(), echo_to_, false);
  if (repeats_left_-- > 0) echo_timer_.start(kEchoInterval);
}

// --- Strategies ---

bool Holepuncher::needs_budget() const {
  return is_random(nat().verdict()) || is_random(remote_.firewall);
}

bool Holepuncher::reserve() {
  if (holds_budget_ || !needs_budget()) return true;
  if (!context_.punch_budget.available(context_.env.now())) return false;
  context_.punch_budget.begin();
  holds_budget_ = true;
  return true;
}

void Holepuncher::release() {
  if (std::exchange(holds_budget_, false)) context_.punch_budget.end();
}

bool Holepuncher::lacks_proof() const {
  return choose_strategy(nat().verdict(), remote_.firewall, false) == PunchStrategy::kNone &&
         choose_strategy(nat().verdict(), remote_.firewall, true) != PunchStrategy::kNone &&
         confirmed_address() == nullptr;
}

PunchStrategy Holepuncher::start() {
  if (strategy_ != PunchStrategy::kNone || stopped_ || remote_.addresses.empty()) return strategy_;
  const PunchStrategy fitting =
      choose_strategy(nat().verdict(), remote_.firewall, confirmed_address() != nullptr);
  if (fitting == PunchStrategy::kNone || !reserve()) return strategy_;
  strategy_ = fitting;
  context_.outcomes.note_punch(role_, strategy_);
  steps_ = 0;
  switch (strategy_) {
    case PunchStrategy::kConsistent:
      if (role_ == Role::kServer) {
        for (const RemoteAddress& remote : remote_.addresses) send(socket(), remote.address, true);
      }
      next_step(role_ == Role::kClient ? kClientPunches.front() : kServerPunches.front());
      break;
    case PunchStrategy::kRandomProbes:
      tried_ports_.assign(65536, false);
      next_step(Duration());
      break;
    case PunchStrategy::kBirthday:
      open_birthday_sockets();
      next_step(kBirthdayPause);
      break;
    case PunchStrategy::kNone:
      break;
  }
  return strategy_;
}

void Holepuncher::next_step(Duration delay) {
  step_timer_.start(delay);
}

void Holepuncher::step() {
  switch (strategy_) {
    case PunchStrategy::kConsistent:
      consistent_step();
      return;
    case PunchStrategy::kRandomProbes:
      probe_step();
      return;
    case PunchStrategy::kBirthday:
      birthday_step();
      return;
    case PunchStrategy::kNone:
      soon_step();
      return;
  }
}

void Holepuncher::consistent_step() {
  const std::span<const Duration> times =
      role_ == Role::kClient ? std::span<const Duration>(kClientPunches) : kServerPunches;
  const auto at = static_cast<std::size_t>(steps_++);
  if (at >= times.size()) {
    observer_.on_exhausted();
    return;
  }
  for (const RemoteAddress& remote : remote_.addresses) {
    const bool proven = remote.proof != PeerProof::kNone;
    if (proven || steps_ % kUnverifiedEvery == 0) send(socket(), remote.address, false);
  }
  next_step(at + 1 < times.size() ? times[at + 1] - times[at] : 1_s);
}

std::uint16_t Holepuncher::next_random_port() {
  std::uint32_t port = 0;
  do {
    port = kFirstRandomPort + context_.env.random.below(65536 - kFirstRandomPort);
  } while (tried_ports_[port]);
  tried_ports_[port] = true;
  return static_cast<std::uint16_t>(port);
}

void Holepuncher::probe_step() {
  const RemoteAddress* remote = confirmed_address();
  if (steps_++ >= kMaxProbes || remote == nullptr) {
    observer_.on_exhausted();
    return;
  }
  send(socket(), {remote->address.host, next_random_port()}, false);
  next_step(kProbeInterval);
}

/// Each socket gets a mapping of its own in the NAT; the more, the sooner a probe hits one.
void Holepuncher::open_birthday_sockets() {
  const net::Address remote = confirmed_address()->address;
  while (sockets_.size() < kBirthdaySockets && acquire()) {
    send(sockets_.back()->socket(), remote, true);
  }
}

void Holepuncher::birthday_step() {
  const RemoteAddress* remote = confirmed_address();
  if (steps_ >= kMaxBirthdayPunches || remote == nullptr) {
    observer_.on_exhausted();
    return;
  }
  const bool open_punch =
      steps_ % kOpenPunchEvery == 0 ||
      std::find(kOpenPunches.begin(), kOpenPunches.end(), steps_) != kOpenPunches.end();
  if (open_punch) send(socket(), remote->address, false);
  const auto at = static_cast<std::size_t>(steps_++);
  const bool first_pass = at < sockets_.size();
  send(sockets_[at % sockets_.size()]->socket(), remote->address, first_pass);
  next_step(kBirthdayInterval);
}

}  // namespace hsfwd::hyperdht
