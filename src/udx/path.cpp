// SPDX-License-Identifier: Apache-2.0
#include "udx/path.hpp"

#include <algorithm>
#include <utility>

#include "udx/transmitter.hpp"

namespace hsfwd::udx {

namespace {
// A thousand small questions at once.
constexpr std::uint64_t kLightAllowance = 256 * 1024;
}  // namespace

Path::Path(Scheduler& scheduler, const Transmitter& transmitter,
           std::unique_ptr<CongestionController> congestion, std::size_t max_mtu)
    : scheduler_(scheduler),
      transmitter_(transmitter),
      max_mtu_(max_mtu),
      congestion_(std::move(congestion)),
      pace_timer_(scheduler,
                  [this] {
                    if (!nobody_waits()) next_ring().front()->on_pacer();
                  }),
      mtu_(max_mtu) {}

Path::~Path() {
  HSFWD_CHECK(users_.empty());
}

// --- Where it leads ---

void Path::begin(net::UdpSocket& socket, net::Address remote) {
  HSFWD_CHECK(!known());
  place_ = {&socket, remote};
  mtu_.reset(std::min(max_mtu_, socket.path_mtu(remote)));
}

void Path::change(net::UdpSocket& socket, net::Address remote) {
  const Place left = place_;
  lead_to(socket, remote);
  for (PathUser* const user : users_) user->on_path_changed(left);
}

void Path::move(net::UdpSocket& socket, net::Address remote) {
  lead_to(socket, remote);
  for (PathUser* const user : users_) user->on_path_moved();
}

void Path::lead_to(net::UdpSocket& socket, net::Address remote) {
  place_ = {&socket, remote};
  heard_ = false;
  mtu_.reset(std::min(max_mtu_, socket.path_mtu(remote)));
  congestion_->set_packet_size(mtu_.current() - kOverhead);
  congestion_->on_path_change(scheduler_.now());
  rtt_.reset();
  pacer_.reset();
}

void Path::redirect(net::UdpSocket& socket, net::Address remote) {
  place_ = {&socket, remote};
  mtu_.reset(std::min(max_mtu_, socket.path_mtu(remote)));
  for (PathUser* const user : users_) user->on_path_redirected();
}

// --- What may be sent to a peer that has not shown to be there ---

void Path::lift_limit() {
  if (!std::exchange(allowance_, std::nullopt)) return;
  for (PathUser* const user : users_) user->wake();
}

void Path::on_arrival(const net::UdpSocket& socket, const net::Address& from,
                      std::size_t datagram) {
  heard_ |= is(socket, from);
  if (!allowance_) return;
  *allowance_ += kAmplification * datagram;
  // Whoever it was too little for has given up its turn.
  for (PathUser* const user : users_) user->wake();
}

bool Path::spend_allowance(std::size_t datagram) {
  if (!allowance_) return true;
  if (*allowance_ < datagram) return false;
  *allowance_ -= datagram;
  return true;
}

// --- Taking turns ---

void Path::join(PathUser& user) {
  users_.push_back(&user);
}

void Path::leave(PathUser& user) {
  std::erase(users_, &user);
  drop_turn(user);
  wake_first();
}

void Path::wait_for_turn(PathUser& user) {
  if (std::exchange(user.waits_for_turn_, true)) return;
  (user.is_light() ? light_ : waiting_).push_back(&user);
}

void Path::drop_turn(PathUser& user) {
  if (!std::exchange(user.waits_for_turn_, false)) return;
  for (Ring<PathUser*>* const ring : {&light_, &waiting_}) {
    for (std::size_t left = ring->size(); left > 0; --left) {
      PathUser* const other = ring->front();
      ring->pop_front();
      if (other != &user) ring->push_back(other);
    }
  }
}

void Path::serve(PathUser& user) {
  if (!known() || blocked()) return;
  pacer_.refill(scheduler_.now(), congestion_->pacing_rate());
  if (user.wants_to_send()) wait_for_turn(user);
  while (!nobody_waits() && (may_send() || may_send_light())) {
    Ring<PathUser*>& ring = next_ring();
    PathUser& next = *ring.front();
    ring.pop_front();
    next.waits_for_turn_ = false;
    if (!next.send_one()) continue;
    if (next.wants_to_send()) wait_for_turn(next);
    if (&next != &user) next.wake();
  }
  arm_pacer();
}

/// What has little to say would be as many connections of its own otherwise, each with a first window for itself
/// (RFC 6928). Here they get a packet each ahead of window and pacer, and all of them together so many bytes.
bool Path::may_send_light() const {
  return !light_.empty() && in_flight_.bytes < congestion_->window() + kLightAllowance;
}

/// It serves all others as well.
void Path::wake_first() {
  if (!nobody_waits()) next_ring().front()->wake();
}

void Path::note_idle() {
  if (nobody_waits() && may_send() && !blocked()) rates_.on_app_limited(in_flight_.bytes);
}

bool Path::blocked() const {
  return transmitter_.blocked(*place_.socket);
}

void Path::arm_pacer() {
  if (nobody_waits() || !window_open()) {
    pace_timer_.stop();
    return;
  }
  const Instant next = pacer_.next();
  if (!pace_timer_.armed() || pace_timer_.deadline() != next) pace_timer_.start_at(next);
}

// --- What leaves ---

RateSnapshot Path::snapshot() {
  return rates_.on_sent(scheduler_.now(), in_flight_.bytes);
}

void Path::on_restart() {
  if (in_flight_.bytes == 0) congestion_->on_restart(scheduler_.now());
}

// --- What comes back ---

void Path::begin_acks() {
  prior_in_flight_ = in_flight_.bytes;
  prior_delivered_ = rates_.delivered();
  rates_.begin_acks();
}

void Path::on_acked(const SentPacket& packet) {
  acked_at_ = scheduler_.now();
  rates_.on_acked(packet, acked_at_);
}

void Path::finish_acks(std::uint64_t lost) {
  const Instant now = scheduler_.now();
  AckSample sample;
  sample.now = now;
  sample.acked = rates_.delivered() - prior_delivered_;
  if (sample.acked == 0) return;
  sample.lost = lost;
  sample.in_flight = in_flight_.bytes;
  sample.prior_in_flight = prior_in_flight_;
  rates_.finish_acks(sample, rtt_.min());
  sample.has_rtt = rtt_.has_sample();
  sample.rtt = rtt_.latest();
  sample.smoothed_rtt = rtt_.smoothed();
  mtu_.on_path_works(now);
  congestion_->on_ack(sample);
}

void Path::begin_recovery() {
  if (recovering_++ == 0) congestion_->on_recovery_start(scheduler_.now(), in_flight_.bytes);
}

void Path::end_recovery() {
  if (--recovering_ == 0) congestion_->on_recovery_end(scheduler_.now());
}

void Path::on_timeout(Instant since) {
  if (acked_at_ > since) return;
  congestion_->on_timeout(scheduler_.now(), in_flight_.bytes);
}

// --- Size of packets ---

std::size_t Path::payload_room() const {
  std::uint64_t room = mtu_.current() - kOverhead;
  if (allowance_)
    room = std::min(room, *allowance_ - std::min<std::uint64_t>(*allowance_, kOverhead));
  return static_cast<std::size_t>(room);
}

std::optional<std::size_t> Path::wanted_probe() const {
  if (limited()) return std::nullopt;
  return mtu_.wanted_probe(scheduler_.now());
}

void Path::on_probe_acked() {
  const std::size_t before = mtu_.current();
  mtu_.on_probe_acked(scheduler_.now());
  if (mtu_.current() != before) on_mtu_changed();
}

void Path::on_probe_lost() {
  if (!mtu_.on_probe_lost(scheduler_.now())) return;
  on_mtu_changed();
  shrunk_ = true;
}

void Path::on_large_lost() {
  if (!mtu_.on_large_lost(scheduler_.now())) return;
  on_mtu_changed();
  shrunk_ = true;
}

void Path::on_mtu_changed() {
  congestion_->set_packet_size(mtu_.current() - kOverhead);
  for (PathUser* const user : users_) user->wake();
}

}  // namespace hsfwd::udx
