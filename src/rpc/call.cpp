// SPDX-License-Identifier: Apache-2.0
#include "rpc/call.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace hsfwd::rpc {

namespace {
// Upstream's adaptive timeouts.
constexpr std::array<Duration, 5> kUnknownPeer = {250_ms, 500_ms, 1_s, 2_s, 4_s};
constexpr Duration kMinTimeout = 300_ms;
constexpr Duration kMaxTimeout = 4_s;
constexpr std::uint32_t kJitterMillis = 256;
constexpr std::size_t kMaxPeerTimes = 4096;
}  // namespace

PeerTimes::Entry* PeerTimes::find(const net::Address& peer) {
  const auto young = young_.find(peer);
  if (young != young_.end()) return &young->second;
  const auto old = old_.find(peer);
  return old == old_.end() ? nullptr : &old->second;
}

void PeerTimes::add(const net::Address& peer, Duration rtt) {
  Entry entry{rtt, rtt / 2};
  if (const Entry* known = find(peer)) {
    const Duration off = rtt > known->average ? rtt - known->average : known->average - rtt;
    entry.deviation = (known->deviation * 3 + off) / 4;
    entry.average = (known->average * 7 + rtt) / 8;
  }
  young_[peer] = entry;
  if (young_.size() >= kMaxPeerTimes) {
    old_ = std::move(young_);
    young_.clear();
  }
}

Duration PeerTimes::timeout(const net::Address& peer, int attempt) {
  const Duration jitter = Duration::millis(random_.below(kJitterMillis));
  if (const Entry* known = find(peer)) {
    const Duration base = known->average + known->deviation * 2;
    return std::clamp(base * attempt + jitter, kMinTimeout, kMaxTimeout);
  }
  const auto index = static_cast<std::size_t>(std::max(attempt - 1, 0));
  return kUnknownPeer[std::min(index, kUnknownPeer.size() - 1)] + jitter;
}

std::uint64_t Calls::Window::on_sent() {
  ++slots_[turn_ % kSlots];
  ++total_;
  return turn_;
}

void Calls::Window::on_ended(std::uint64_t sent_turn) {
  if (turn_ - sent_turn >= kSlots) return;  // has left already
  --slots_[sent_turn % kSlots];
  --total_;
}

void Calls::Window::turn() {
  ++turn_;
  total_ -= std::exchange(slots_[turn_ % kSlots], 0);
}

Calls::Calls(const net::Env& env, Owner& owner)
    : env_(env),
      owner_(owner),
      times_(env.random),
      next_tid_(static_cast<std::uint16_t>(env.random.u32())),
      send_waiting_task_(env.scheduler, [this] { send_waiting(); }) {}

Calls::~Calls() { HSFWD_CHECK(active_.empty()); }

std::uint16_t Calls::take_tid() {
  // Matching is by this number alone, so one in use must not be used again. There are far fewer
  // calls than numbers: the window holds them back.
  while (active_.contains(next_tid_)) ++next_tid_;
  return next_tid_++;
}

bool Calls::on_response(net::UdpSocket& socket, const net::Address& from,
                        const ResponseMessage& message) {
  const auto found = active_.find(message.tid);
  if (found == active_.end()) {
    ++stats_.stray_responses;
    return false;
  }
  Call& call = *found->second;
  ++stats_.responses;
  note_heard();
  Reply reply{
      .from = from,
      .from_id = verified_id(message.id, from),
      .asked = call.spec_.to,
      .socket = &socket,
      .message = message,
      .rtt = env_.now() - call.sent_at_,
  };
  // After a repeat it is unknown which transmission was answered.
  if (call.sent_ == 1 && reply.rtt > call.spec_.extra_timeout) {
    times_.add(call.spec_.to, reply.rtt - call.spec_.extra_timeout);
  }
  owner_.on_reply(reply);
  call.finish(reply);
  return true;
}

void Calls::drain() {
  window_.turn();
  send_waiting();
}

void Calls::send_waiting() {
  while (!waiting_.empty() && !window_.full()) {
    Call& call = *waiting_.front();
    waiting_.pop_front();
    call.waiting_ = false;
    call.transmit();
  }
}

void Calls::forget_socket(const net::UdpSocket& socket) {
  for (const auto& [tid, call] : active_) {
    if (call->spec_.socket == &socket) call->spec_.socket = nullptr;
  }
}

Call::Call(Calls& calls, Done done)
    : calls_(calls), done_(std::move(done)), timer_(calls.env_.scheduler, [this] { on_timer(); }) {}

void Call::start(RequestSpec spec) {
  HSFWD_CHECK(!active_);
  spec_ = std::move(spec);
  if (spec_.socket == nullptr) spec_.socket = &calls_.owner_.sending_socket();
  tid_ = calls_.take_tid();
  RequestMessage message{
      .tid = tid_,
      .to = spec_.to,
      .id = calls_.owner_.id_on(*spec_.socket),
      .token = spec_.token,
      .internal = spec_.internal,
      .command = spec_.command,
      .target = spec_.target,
      .value = spec_.value ? std::optional<ByteView>(*spec_.value) : std::nullopt,
  };
  datagram_ = message.encode();
  sent_ = 0;
  active_ = true;
  calls_.active_[tid_] = this;
  ++calls_.stats_.sent;
  started_at_ = calls_.env_.now();
  transmit();
}

void Call::transmit() {
  if (!spec_.urgent && calls_.window_.full()) {
    waiting_ = true;
    calls_.waiting_.push_back(this);
    return;
  }
  ++sent_;
  sent_at_ = calls_.env_.now();
  sent_turn_ = calls_.window_.on_sent();
  net::UdpSocket& socket =
      spec_.socket != nullptr ? *spec_.socket : calls_.owner_.sending_socket();
  if (spec_.to.port != 0) socket.send_one(spec_.to, datagram_);
  timer_.start(timeout());
}

Duration Call::timeout() const {
  if (spec_.pace > Duration()) return std::min(spec_.pace * (1 << (sent_ - 1)), kMaxTimeout);
  return calls_.times_.timeout(spec_.to, sent_) + spec_.extra_timeout;
}

void Call::on_timer() {
  if (sent_ > spec_.retries) {
    ++calls_.stats_.timeouts;
    const net::Address to = spec_.to;
    const std::optional<NodeId> id = spec_.to_id;
    if (calls_.heard_since(started_at_)) calls_.owner_.on_timeout(to, id);
    finish(Err(Errc::kTimeout));
    return;
  }
  const bool first = sent_ == 1;
  ++calls_.stats_.repeats;
  transmit();
  if (first && slow_) slow_();
}

void Call::finish(const CallResult& result) {
  cancel();
  done_(result);
}

void Call::cancel() {
  if (!active_) return;
  active_ = false;
  timer_.stop();
  calls_.active_.erase(tid_);
  if (sent_ > 0) calls_.window_.on_ended(sent_turn_);
  if (waiting_) {
    waiting_ = false;
    std::erase(calls_.waiting_, this);
  }
  if (!calls_.waiting_.empty()) calls_.send_waiting_task_.post();
}

}  // namespace hsfwd::rpc
