// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/holepuncher.hpp"

#include <algorithm>
#include <array>

#include "hyperdht/dht.hpp"

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
// Peers have an address or two. All are punched at, and who lists others' has them punched at.
constexpr std::size_t kMaxRemoteAddresses = 8;
constexpr int kEchoes = 3;
constexpr Duration kEchoInterval = 80_ms;
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

bool is_random(Firewall firewall) { return firewall >= Firewall::kRandom; }

}  // namespace

const char* to_string(PunchStrategy strategy) {
  switch (strategy) {
    case PunchStrategy::kNone: return "none";
    case PunchStrategy::kConsistent: return "punch to the address the peer told";
    case PunchStrategy::kRandomProbes: return "probe random ports of the peer";
    case PunchStrategy::kBirthday: return "punch from many sockets";
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

Holepuncher::Holepuncher(Dht& dht, Role role, Firewall remote_firewall,
                         HolepuncherObserver& observer)
    : dht_(dht),
      role_(role),
      observer_(observer),
      reopens_left_(kMaxReopens),
      step_timer_(dht.env().scheduler, [this] { step(); }),
      echo_timer_(dht.env().scheduler, [this] { echo(); }) {
  remote_.firewall = remote_firewall;
  if (role == Role::kServer && take_ready_socket()) return;
  if (acquire()) {
    probe_ = std::make_unique<NatProbe>(dht_, socket(), [this] { finish_analysis(); });
  }
}

/// The socket answers punches by itself, and is shared.
bool Holepuncher::take_ready_socket() {
  const PunchSocket* ready = dht_.punch_socket();
  if (ready == nullptr || !ready->ready()) return false;
  sockets_.push_back(ready->socket());
  ready_socket_ = sockets_.back().get();
  probe_ = std::make_unique<NatProbe>(dht_, socket(), ready->nat());
  return true;
}

Holepuncher::~Holepuncher() { stop(); }

bool Holepuncher::acquire() {
  auto socket = dht_.endpoint().acquire();
  if (!socket) return false;
  const std::weak_ptr<PoolSocket> weak = *socket;
  (*socket)->set_on_punch([this, weak](const net::Address& from) { on_punch(weak.lock(), from); });
  sockets_.push_back(std::move(*socket));
  return true;
}

void Holepuncher::let_go(PoolSocket& socket) {
  if (&socket != ready_socket_) socket.set_on_punch(nullptr);
}

void Holepuncher::stop() {
  if (std::exchange(stopped_, true)) return;
  step_timer_.stop();
  echo_timer_.stop();
  analyzed_ = nullptr;
  release();
  if (probe_) probe_->stop();
  for (const auto& socket : sockets_) let_go(*socket);
  sockets_.clear();
}

// --- What is known ---

void Holepuncher::add_sample(const net::Address& ours, const net::Address& reporter) {
  if (!stopped_) probe_->add(ours, reporter);
}

void Holepuncher::update_remote(Firewall firewall, bool punching,
                                const std::vector<net::Address>& addresses,
                                std::optional<net::Ipv4> verified) {
  const auto was_verified = [&](net::Ipv4 host) {
    return std::any_of(remote_.addresses.begin(), remote_.addresses.end(),
                       [&](const RemoteAddress& a) { return a.verified && a.address.host == host; });
  };
  std::vector<RemoteAddress> list;
  for (const net::Address& address : addresses) {
    if (list.size() >= kMaxRemoteAddresses) break;
    list.push_back({address, verified == address.host || was_verified(address.host)});
  }
  remote_ = {firewall, punching, std::move(list)};
}

const Holepuncher::RemoteAddress* Holepuncher::verified_address() const {
  const auto found = std::find_if(remote_.addresses.begin(), remote_.addresses.end(),
                                  [](const RemoteAddress& address) { return address.verified; });
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
  probe_->stop();
  dht_.env().scheduler.retire(std::move(probe_));
  const auto old = std::exchange(sockets_, {});
  if (acquire()) {
    let_go(*old.front());
    ready_socket_ = nullptr;
  } else {
    sockets_ = old;
  }
  probe_ = std::make_unique<NatProbe>(dht_, socket(), [this] { finish_analysis(); });
}

// --- Punches ---

void Holepuncher::send(net::UdpSocket& socket, const net::Address& to, bool low_ttl) {
  if (to.port == 0) return;
  ++datagrams_;
  if (holds_budget_) dht_.punch_budget().spend(dht_.env().now(), 1);
  socket.send_one(to, kPunchDatagram, low_ttl ? kLowTtl : kPunchTtl);
}

void Holepuncher::punch_soon(const net::Address& to) {
  send(socket(), to, false);
  if (strategy_ != PunchStrategy::kNone) return;
  soon_ = to;
  steps_ = 0;
  next_step(kSoonPunches.front());
}

void Holepuncher::soon_step() {
  send(socket(), soon_, false);
  const auto next = static_cast<std::size_t>(++steps_);
  if (next < kSoonPunches.size()) next_step(kSoonPunches[next]);
}

void Holepuncher::open_session(const net::Address& to) { send(socket(), to, true); }

void Holepuncher::on_punch(const std::shared_ptr<PoolSocket>& socket, const net::Address& from) {
  if (stopped_ || !socket) return;
  if (role_ == Role::kServer) {
    echo_socket_ = socket;
    echo_to_ = from;
    echoes_left_ = kEchoes;
    echo();
  }
  observer_.on_punch(socket->socket(), from);
}

/// What came through took hundreds of punches, maybe: its answer is not left to a single datagram.
void Holepuncher::echo() {
  const auto socket = echo_socket_.lock();
  if (!socket) return;
  send(socket->socket(), echo_to_, false);
  if (--echoes_left_ > 0) echo_timer_.start(kEchoInterval);
}

// --- Strategies ---

bool Holepuncher::needs_budget() const {
  return is_random(nat().verdict()) || is_random(remote_.firewall);
}

bool Holepuncher::reserve() {
  if (holds_budget_ || !needs_budget()) return true;
  if (!dht_.punch_budget().available(dht_.env().now())) return false;
  dht_.punch_budget().begin();
  holds_budget_ = true;
  return true;
}

void Holepuncher::release() {
  if (std::exchange(holds_budget_, false)) dht_.punch_budget().end();
}

PunchStrategy Holepuncher::start() {
  if (strategy_ != PunchStrategy::kNone || stopped_ || remote_.addresses.empty()) return strategy_;
  const PunchStrategy fitting =
      choose_strategy(nat().verdict(), remote_.firewall, verified_address() != nullptr);
  if (fitting == PunchStrategy::kNone || !reserve()) return strategy_;
  strategy_ = fitting;
  steps_ = 0;
  switch (strategy_) {
    case PunchStrategy::kConsistent:
      if (role_ == Role::kServer) {
        for (const RemoteAddress& remote : remote_.addresses) open_session(remote.address);
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
    case PunchStrategy::kNone: break;
  }
  return strategy_;
}

void Holepuncher::next_step(Duration delay) { step_timer_.start(delay); }

void Holepuncher::step() {
  switch (strategy_) {
    case PunchStrategy::kConsistent: consistent_step(); return;
    case PunchStrategy::kRandomProbes: probe_step(); return;
    case PunchStrategy::kBirthday: birthday_step(); return;
    case PunchStrategy::kNone: soon_step(); return;
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
    if (remote.verified || steps_ % kUnverifiedEvery == 0) send(socket(), remote.address, false);
  }
  next_step(at + 1 < times.size() ? times[at + 1] - times[at] : 1_s);
}

std::uint16_t Holepuncher::next_random_port() {
  std::uint32_t port = 0;
  do {
    port = kFirstRandomPort + dht_.env().random.below(65536 - kFirstRandomPort);
  } while (tried_ports_[port]);
  tried_ports_[port] = true;
  return static_cast<std::uint16_t>(port);
}

void Holepuncher::probe_step() {
  const RemoteAddress* remote = verified_address();
  if (steps_++ >= kMaxProbes || remote == nullptr) {
    observer_.on_exhausted();
    return;
  }
  send(socket(), {remote->address.host, next_random_port()}, false);
  next_step(kProbeInterval);
}

/// Each socket gets a mapping of its own in the NAT; the more, the sooner a probe hits one.
void Holepuncher::open_birthday_sockets() {
  const net::Address remote = verified_address()->address;
  while (sockets_.size() < kBirthdaySockets && acquire()) {
    send(sockets_.back()->socket(), remote, true);
  }
}

void Holepuncher::birthday_step() {
  const RemoteAddress* remote = verified_address();
  if (steps_ >= kMaxBirthdayPunches || remote == nullptr) {
    observer_.on_exhausted();
    return;
  }
  const bool open_punch = steps_ % kOpenPunchEvery == 0 ||
                          std::find(kOpenPunches.begin(), kOpenPunches.end(), steps_) !=
                              kOpenPunches.end();
  if (open_punch) send(socket(), remote->address, false);
  const auto at = static_cast<std::size_t>(steps_++);
  const bool first_pass = at < sockets_.size();
  send(sockets_[at % sockets_.size()]->socket(), remote->address, first_pass);
  next_step(kBirthdayInterval);
}

}  // namespace hsfwd::hyperdht
