// SPDX-License-Identifier: Apache-2.0
#include "rpc/call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
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
// Longer than from one refresh of the table to the next, which asks silent peers as well: one that
// stays silent is waited for once and not every time it is forgotten.
constexpr Duration kSilenceMemory = 10_min;
constexpr std::size_t kMaxSeenOut = 32;
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

void SilentPeers::add(const net::Address& peer, Instant sent_at, Instant now) {
  Entry& entry = entries_.note(peer);
  if (entry.count > 0 && sent_at < entry.last) return;
  if (now - entry.last >= kSilenceMemory) entry.count = 0;
  ++entry.count;
  entry.last = now;
}

int SilentPeers::count(const net::Address& peer, Instant now) const {
  const Entry* const entry = entries_.find(peer);
  return entry != nullptr && now - entry->last < kSilenceMemory ? entry->count : 0;
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
      seen_out_(env.scheduler),
      send_waiting_task_(env.scheduler, [this] { send_waiting(); }) {}

Calls::~Calls() {
  seen_out_.clear();
  HSFWD_CHECK(active_.empty());
}

std::uint16_t Calls::draw_tid() {
  // There are far fewer calls than numbers: the window holds them back.
  auto tid = static_cast<std::uint16_t>(env_.random.u32());
  while (active_.contains(tid)) ++tid;
  return tid;
}

bool Calls::on_response(net::UdpSocket& socket, const net::Address& from, ByteView datagram) {
  const auto tid = response_tid(datagram);
  if (!tid) return false;
  const auto found = active_.find(*tid);
  if (found == active_.end() || !found->second->expects(socket, from)) {
    silent_.remove(from);  // late, maybe
    ++stats_.stray_responses;
    if (strays_.add(from.host, env_.now())) {
      env_.log.info("rpc", "{} sends many unsolicited answers; they are ignored",
                    from.host.to_string());
    }
    return false;
  }
  const auto message = decode_response(datagram);
  if (message) settle(*found->second, socket, from, *message);
  return message.ok();
}

void Calls::settle(Call& call, net::UdpSocket& socket, const net::Address& from,
                   const ResponseMessage& message) {
  call.trace_answer(from, message.error);
  ++stats_.responses;
  note_heard(from);
  Reply reply{
      .from = from,
      .from_id = verified_id(message.id, from),
      .socket = &socket,
      .message = message,
      .rtt = env_.now() - call.sent_at_,
  };
  // After a repeat it is unknown which transmission was answered.
  if (call.sent_ == 1 && reply.rtt > call.spec_.extra_timeout) {
    times_.add(call.spec_.to, reply.rtt - call.spec_.extra_timeout);
  }
  owner_.on_reply(reply);
  // What the owner learns, another address of its own say, may have ended the call.
  if (active_.contains(message.tid)) call.finish(reply);
}

void Calls::see_out(std::unique_ptr<Call> call) {
  const bool known = std::any_of(seen_out_.begin(), seen_out_.end(),
                                 [&](const auto& other) { return other->to() == call->to(); });
  if (known || seen_out_.size() >= kMaxSeenOut || !call->active()) {
    env_.scheduler.retire(std::move(call));
    return;
  }
  call->seen_out_ = true;
  seen_out_.add(std::move(call));
}

void Calls::on_seen_out(const Call& call) {
  seen_out_.retire(call);
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
    if (call->spec_.socket == &socket) call->spec_.socket = &owner_.sending_socket();
  }
}

Call::Call(Calls& calls, Done done)
    : calls_(calls), done_(std::move(done)), timer_(calls.env_.scheduler, [this] { on_timer(); }) {}

void Call::start(RequestSpec spec) {
  HSFWD_CHECK(!active_);
  spec_ = std::move(spec);
  if (spec_.socket == nullptr) spec_.socket = &calls_.owner_.sending_socket();
  tid_ = calls_.draw_tid();
  RequestMessage message{
      .tid = tid_,
      .to = spec_.to,
      .id = calls_.owner_.id_on(*spec_.socket),
      .token = spec_.token,
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
  if (spec_.to.port != 0) send_message(*spec_.socket, spec_.to, datagram_, spec_.uncut);
  timer_.start(timeout());
  if (traced()) {
    calls_.env_.log.trace("rpc", "{} is asked: {}{}", spec_.to.to_string(), command_text(),
                          sent_ > 1 ? fmt::format(", try {}", sent_) : "");
  }
}

/// One that still waits for the window has not been asked.
bool Call::expects(const net::UdpSocket& socket, const net::Address& from) const {
  const net::UdpSocket* expected = spec_.answered_on != nullptr ? spec_.answered_on : spec_.socket;
  return sent_ > 0 && from == spec_.to && &socket == expected;
}

bool Call::traced() const {
  return calls_.env_.log.enabled(LogLevel::kTrace);
}

std::string Call::command_text() const {
  return spec_.command.to_string();
}

void Call::trace_answer(const net::Address& from, std::uint64_t error) const {
  if (!traced()) return;
  const Duration rtt = calls_.env_.now() - sent_at_;
  calls_.env_.log.trace("rpc", "{} answers: {}, {:.1f} ms{}", from.to_string(), command_text(),
                        static_cast<double>(rtt.to_micros()) / 1000,
                        error == kErrorNone ? "" : fmt::format(", error {}", error));
}

Duration Call::timeout() const {
  if (spec_.pace > Duration()) return std::min(spec_.pace * (1 << (sent_ - 1)), kMaxTimeout);
  return calls_.times_.timeout(spec_.to, sent_) + spec_.extra_timeout;
}

void Call::on_timer() {
  const bool others_heard = calls_.heard_since(started_at_);
  if (spec_.to_id && others_heard) calls_.silent_.add(spec_.to, sent_at_, calls_.env_.now());
  if (sent_ > spec_.retries) {
    ++calls_.stats_.timeouts;
    if (traced()) {
      calls_.env_.log.trace("rpc", "{} is silent: {}, given up after {} tries",
                            spec_.to.to_string(), command_text(), sent_);
    }
    const net::Address to = spec_.to;
    const std::optional<NodeId> id = spec_.to_id;
    if (others_heard) {
      calls_.owner_.on_timeout(to, id);
    } else if (id) {
      // Our own line is down, and may have been when others were noted.
      calls_.silent_.clear();
    }
    finish(Err(Errc::kTimeout));
    return;
  }
  const bool first = sent_ == 1;
  ++calls_.stats_.repeats;
  transmit();
  if (seen_out_) return;
  if (first && slow_) slow_();
  if (repeat_ && active_) repeat_();
}

void Call::finish(const CallResult& result) {
  cancel();
  if (seen_out_) {
    calls_.on_seen_out(*this);
  } else {
    done_(result);
  }
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
