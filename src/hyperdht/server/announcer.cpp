// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/announcer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "hyperdht/wire/signatures.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kMaxRelays = 3;
constexpr Duration kWatchInterval = 3_s;
constexpr int kRoundsPerCycle = 100;  // about five minutes
constexpr int kRoundsWhenFew = 10;    // with fewer relays than there could be
constexpr Duration kWatchdog = 60_s;  // no cycle takes longer unless something is stuck
constexpr Duration kFirstRetry = 2_s;
constexpr Duration kMaxRetry = 30_s;
constexpr Duration kAvoidTime = 10_min;
constexpr std::size_t kMaxAvoided = 64;
// The first change is followed at once, those after it six seconds later, twelve, and so on. A line
// does not move that often, and one whose NAT does is not reached by any relay.
constexpr Duration kFirstChangePause = 6_s;
constexpr int kMaxChanges = 4;  // then the relay is left out
constexpr Duration kChangeMemory = 10_min;
constexpr std::size_t kMaxChanging = 64;

using Replies = std::vector<const rpc::ClosestReply*>;

/// The first few that are no neighbours, then the first of the others.
Replies spread(const Replies& replies, std::size_t count) {
  Replies out;
  Replies rest;
  for (const rpc::ClosestReply* reply : replies) {
    const bool crowded = std::any_of(out.begin(), out.end(), [&](const auto* other) {
      return rpc::are_neighbours(other->from.host, reply->from.host);
    });
    (crowded || out.size() >= count ? rest : out).push_back(reply);
  }
  rest.resize(std::min(rest.size(), count - out.size()));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

}  // namespace

Announcer::Announcer(rpc::Node& node, const crypto::KeyPair& keys,
                     std::function<void(std::size_t)> on_cycle)
    : node_(node),
      keys_(keys),
      target_(target_of_peer(keys.public_key)),
      record_(PeerRecord{.public_key = keys.public_key, .relay_addresses = {}}.encode()),
      on_cycle_(std::move(on_cycle)),
      timer_(node.env().scheduler, [this] { on_timer(); }),
      watchdog_(node.env().scheduler, [this] { abandon_cycle(); }) {}

Announcer::~Announcer() = default;

bool Announcer::is_relay(const Address& address) const {
  return std::any_of(std::begin(recent_), std::end(recent_),
                     [&](const auto& cycle) { return cycle.contains(address); });
}

void Announcer::start() {
  if (state_ == State::kIdle) begin_cycle();
}

/// Often from inside the answer to a call, which may be one of those that a cycle ends.
void Announcer::refresh() {
  refresh_wanted_ = true;
  if (state_ == State::kWatching) timer_.start(Duration());
}

void Announcer::avoid(const Address& relay) {
  if (avoided_.size() >= kMaxAvoided) avoided_.clear();
  avoided_[relay] = node_.env().now() + kAvoidTime;
  if (state_ != State::kQuerying) refresh();  // a query that runs leads to a choice yet
}

// --- A cycle ---

void Announcer::begin_cycle() {
  refresh_wanted_ = false;
  timer_.stop();
  watches_.clear();
  watchdog_.start(kWatchdog);
  state_ = State::kQuerying;
  node_.env().scheduler.retire(std::move(query_));
  query_ = std::make_unique<rpc::Query>(
      node_,
      rpc::QueryOptions{.target = target_,
                        .command = Command::kFindPeer,
                        .value = std::nullopt,
                        .start_nodes = closest_},
      [](const rpc::Reply&) {}, [this](const auto&) { on_query_done(); });
  query_->start();
}

void Announcer::on_query_done() {
  if (state_ != State::kQuerying) return;
  state_ = State::kAnnouncing;
  for (auto& old : announcements_) node_.env().scheduler.retire(std::move(old));
  announcements_.clear();
  const auto relays = choose_relays();
  // Counted first: a call may, in principle, be settled while others are still to be started.
  unsettled_ = relays.size();
  for (const rpc::ClosestReply* reply : relays) announce_to(*reply);
  if (relays.empty()) publish();
}

/// The closest that take announcements. Avoided ones only if there are no others at all.
std::vector<const rpc::ClosestReply*> Announcer::choose_relays() {
  std::erase_if(avoided_, [this](const auto& entry) { return entry.second <= node_.env().now(); });
  std::vector<const rpc::ClosestReply*> out;
  std::vector<const rpc::ClosestReply*> avoided;
  for (const rpc::ClosestReply& reply : query_->closest()) {
    if (!reply.token) continue;
    (avoided_.contains(reply.from) ? avoided : out).push_back(&reply);
  }
  return spread(out.empty() ? avoided : out, kMaxRelays);
}

void Announcer::announce_to(const rpc::ClosestReply& reply) {
  announcements_.push_back(std::make_unique<Announcement>());
  Announcement& announcement = *announcements_.back();
  announcement.relay = {.relay_address = reply.from, .peer_address = reply.to};
  announcement.call = std::make_unique<rpc::Call>(
      node_.calls(),
      [this, &announcement](const rpc::CallResult& result) { on_announced(announcement, result); });
  AnnounceMessage message;
  message.peer = PeerRecord{.public_key = keys_.public_key, .relay_addresses = {}};
  message.signature =
      sign_announce(Command::kAnnounce, target_, reply.id, *reply.token, message, keys_);
  rpc::RequestSpec spec;
  spec.to = reply.from;
  spec.to_id = reply.id;
  spec.command = Command::kAnnounce;
  spec.target = target_;
  spec.token = reply.token;
  spec.value = message.encode();
  announcement.call->start(std::move(spec));
}

void Announcer::on_announced(Announcement& announcement, const rpc::CallResult& result) {
  announcement.accepted = result && result->message.error == rpc::kErrorNone;
  // The announcing request itself shows the address that the relay will forward to.
  if (announcement.accepted) announcement.relay.peer_address = result->message.to;
  if (--unsettled_ == 0) publish();
}

void Announcer::publish() {
  watchdog_.stop();
  std::vector<RelayInfo> relays;
  std::set<Address> current;
  for (const auto& announcement : announcements_) {
    if (!announcement->accepted) continue;
    relays.push_back(announcement->relay);
    current.insert(announcement->relay.relay_address);
  }
  closest_ = query_->closest_addresses();
  if (!relays.empty()) {
    const std::set<Address> before = recent_[0];
    recent_[2] = std::move(recent_[1]);
    recent_[1] = std::move(recent_[0]);
    recent_[0] = std::move(current);
    relays_ = std::move(relays);
    withdraw_old(before);
  }
  relay_addresses_.clear();
  if (const auto own = node_.remote_address()) relay_addresses_.push_back(*own);
  for (const RelayInfo& relay : relays_) {
    if (relay_addresses_.size() < kMaxRelays) relay_addresses_.push_back(relay.relay_address);
  }
  const std::size_t count =
      announcements_.size() -
      static_cast<std::size_t>(std::count_if(announcements_.begin(), announcements_.end(),
                                             [](const auto& a) { return !a->accepted; }));
  node_.env().log.debug("announcer", "announced at {} introducers", count);

  state_ = State::kWatching;
  if (count == 0) {
    const Duration pause = kFirstRetry * (std::int64_t{1} << std::min(failed_cycles_++, 4));
    retry_at_ = node_.env().now() + std::min(pause, kMaxRetry);
    timer_.start(std::min({pause, kMaxRetry, kWatchInterval}));
    rounds_left_ = 0;
    if (failed_cycles_ > 1) closest_.clear();  // they may all be gone: start from the table
  } else {
    failed_cycles_ = 0;
    rounds_left_ = count < kMaxRelays ? kRoundsWhenFew : kRoundsPerCycle;
    timer_.start(kWatchInterval);
  }
  if (refresh_wanted_) timer_.start(Duration());
  on_cycle_(count);
}

void Announcer::abandon_cycle() {
  if (state_ != State::kQuerying && state_ != State::kAnnouncing) return;
  node_.env().log.warning("announcer", "an announcement did not finish; starting over");
  announcements_.clear();
  closest_.clear();
  begin_cycle();
}

// --- Between cycles ---

void Announcer::on_timer() {
  if (state_ != State::kWatching) return;
  const bool failed = failed_cycles_ > 0;
  if (refresh_wanted_ || (failed ? node_.env().now() >= retry_at_ : rounds_left_ == 0)) {
    begin_cycle();
  } else if (relays_.empty()) {
    timer_.start_at(retry_at_);
  } else {
    if (!failed) --rounds_left_;
    watch_round();
  }
}

void Announcer::watch_round() {
  watches_.clear();
  watches_.reserve(relays_.size());
  unanswered_ = relays_.size();
  for (const RelayInfo& relay : relays_) watches_.push_back({relay, nullptr, false});
  for (Watch& watch : watches_) {
    watch.ask = std::make_unique<rpc::Call>(
        node_.calls(), [this, &watch](const rpc::CallResult& result) { on_answer(watch, result); });
    ask_for_record(*watch.ask, watch.relay.relay_address);
  }
}

void Announcer::on_answer(Watch& watch, const rpc::CallResult& result) {
  watch.answered = result.ok();
  if (result && result->message.to != watch.relay.peer_address) {
    follow(watch.relay.relay_address,
           fmt::format("sees us at {} now, was {}", result->message.to.to_string(),
                       watch.relay.peer_address.to_string()));
  } else if (result && !result->message.value) {
    follow(watch.relay.relay_address, "has lost the announcement");
  }
  // The line is back.
  if (result && failed_cycles_ > 0) refresh_wanted_ = true;
  if (refresh_wanted_) timer_.start(Duration());
  if (--unanswered_ == 0) end_watch_round();
}

/// A relay that would not lead here any more is told anew; one for which that does not last is left
/// out.
void Announcer::follow(const Address& relay, const std::string& what) {
  const Instant now = node_.env().now();
  if (changes_.size() >= kMaxChanging) changes_.clear();
  Changes& changes = changes_[relay];
  if (now - changes.last >= kChangeMemory) changes.count = 0;
  if (changes.count > 0 &&
      now - changes.last < kFirstChangePause * (std::int64_t{1} << (changes.count - 1))) {
    return;
  }
  changes.last = now;
  refresh_wanted_ = true;
  if (++changes.count <= kMaxChanges) {
    node_.env().log.info("announcer", "introducer {} {}", relay.to_string(), what);
    return;
  }
  node_.env().log.info("announcer", "introducer {} {} repeatedly; trying another one",
                       relay.to_string(), what);
  changes_.erase(relay);
  avoid(relay);
}

void Announcer::end_watch_round() {
  const bool all = std::all_of(watches_.begin(), watches_.end(),
                               [](const Watch& watch) { return watch.answered; });
  // Every relay lost is one way in less.
  if (refresh_wanted_ || (!all && failed_cycles_ == 0)) {
    rounds_left_ = 0;
    timer_.start(Duration());
  } else {
    timer_.start(kWatchInterval);
  }
}

// --- Taking announcements back ---

void Announcer::withdraw_old(const std::set<Address>& before) {
  for (const Address& relay : before) {
    if (!recent_[0].contains(relay)) withdraw(relay);
  }
}

void Announcer::withdraw(const Address& from) {
  std::erase_if(withdrawals_, [this](auto& old) {
    if (!old->done) return false;
    node_.env().scheduler.retire(std::move(old));
    return true;
  });
  withdrawals_.push_back(std::make_unique<Withdrawal>());
  Withdrawal& withdrawal = *withdrawals_.back();
  withdrawal.from = from;
  withdrawal.find = std::make_unique<rpc::Call>(
      node_.calls(),
      [this, &withdrawal](const rpc::CallResult& result) { on_found(withdrawal, result); });
  ask_for_record(*withdrawal.find, from);
}

void Announcer::ask_for_record(rpc::Call& call, const Address& node) const {
  rpc::RequestSpec spec;
  spec.to = node;
  spec.command = Command::kFindPeer;
  spec.target = target_;
  call.start(std::move(spec));
}

void Announcer::on_found(Withdrawal& withdrawal, const rpc::CallResult& result) {
  // At the end an announcement may arrive behind the question.
  const bool known = result && (result->message.value || state_ == State::kStopping);
  if (!known || !result->message.token || !result->from_id) {
    on_withdrawn(withdrawal);
    return;
  }
  AnnounceMessage message;
  message.peer = PeerRecord{.public_key = keys_.public_key, .relay_addresses = {}};
  message.signature = sign_announce(Command::kUnannounce, target_, *result->from_id,
                                    *result->message.token, message, keys_);
  withdrawal.withdraw = std::make_unique<rpc::Call>(
      node_.calls(), [this, &withdrawal](const rpc::CallResult&) { on_withdrawn(withdrawal); });
  rpc::RequestSpec spec;
  spec.to = withdrawal.from;
  spec.command = Command::kUnannounce;
  spec.target = target_;
  spec.token = result->message.token;
  spec.value = message.encode();
  withdrawal.withdraw->start(std::move(spec));
}

void Announcer::on_withdrawn(Withdrawal& withdrawal) {
  withdrawal.done = true;
  if (state_ != State::kStopping) return;
  const bool all = std::all_of(withdrawals_.begin(), withdrawals_.end(),
                               [](const auto& other) { return other->done; });
  if (!all) return;
  state_ = State::kStopped;
  if (on_stopped_) on_stopped_();
}

/// Maybe from inside one of the answers.
void Announcer::end_cycle() {
  Scheduler& scheduler = node_.env().scheduler;
  timer_.stop();
  watchdog_.stop();
  for (Watch& watch : watches_) scheduler.retire(std::move(watch.ask));
  scheduler.retire(std::move(query_));
  for (auto& announcement : announcements_) scheduler.retire(std::move(announcement));
  announcements_.clear();
}

void Announcer::cancel() {
  end_cycle();
  for (const auto& withdrawal : withdrawals_) withdrawal->cancel();
  state_ = State::kStopped;
}

void Announcer::stop(std::function<void()> done) {
  std::set<Address> current = std::exchange(recent_[0], {});
  // Whether those under way have been taken, nobody will know.
  if (state_ == State::kAnnouncing) {
    for (const auto& announcement : announcements_) {
      current.insert(announcement->relay.relay_address);
    }
  }
  end_cycle();
  state_ = State::kStopping;
  on_stopped_ = std::move(done);
  relays_.clear();
  relay_addresses_.clear();
  for (const Address& relay : current) withdraw(relay);
  if (current.empty()) {
    state_ = State::kStopped;
    if (on_stopped_) on_stopped_();
  }
}

}  // namespace hsfwd::hyperdht
