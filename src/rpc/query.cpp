// SPDX-License-Identifier: Apache-2.0
#include "rpc/query.hpp"

#include <algorithm>
#include <limits>

#include "codec/writer.hpp"
#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr std::size_t kSlowDownConcurrency = 3;
constexpr std::size_t kBackgroundConcurrency = 2;
constexpr std::size_t kQuietInFlight = 3;  // below it nothing else is going on
// Transmissions that a node nobody names may leave unanswered, and in upkeep any. Those to an unknown
// node take about a second: one that is slow, or whose first packet was lost, has answered by then.
constexpr int kPatience = 2;
constexpr int kPatienceAmongMembers = 1;
// Nodes of one host that are asked before those of others.
constexpr int kTurn = 8;
// What the answers of one public host may have asked in all: two answers' worth. One that names
// ports of its own, ever closer and all of them silent, does not hold the query up for long.
constexpr int kMaxNamed = 2 * static_cast<int>(kBucketSize);
}  // namespace

Query::Query(Node& node, QueryOptions options, OnReply on_reply, OnDone on_done)
    : node_(node),
      options_(std::move(options)),
      on_reply_(std::move(on_reply)),
      on_done_(std::move(on_done)),
      closest_(options_.target) {}

Query::~Query() = default;

void Query::start() {
  HSFWD_CHECK(state_ == State::kIdle);
  state_ = State::kAsking;
  node_.note_query();
  for (const net::Address& node : options_.start_nodes) add_pending(node, std::nullopt, 0);
  if (pending_.size() < kBucketSize) {
    add_from_table();
    if (pending_.size() < kBucketSize || options_.ask_bootstrap) add_bootstrap();
  }
  ask_more();
  if (bootstrap_) bootstrap_->start();
}

void Query::cancel() {
  state_ = State::kFinished;
  for (auto& [address, asking] : asking_) asking.call->cancel();
  for (auto& call : commits_) call->cancel();
  if (bootstrap_) bootstrap_->cancel();
}

void Query::add_from_table() {
  from_table_ = true;
  const std::size_t room = kBucketSize - std::min(kBucketSize, pending_.size());
  for (const RoutingNode* node : node_.table().closest(options_.target, room)) {
    add_pending(node->address, std::nullopt, 0);
  }
}

void Query::add_bootstrap() {
  bootstrap_ = std::make_unique<BootstrapWalk>(
      node_.env(), node_.calls(), node_.options().bootstrap, node_.unresolved_names(),
      [this](const net::Address& address) {
        if (node_.is_self(address)) return;
        add_pending(address, std::nullopt, 0);
        ask_more();
      },
      [this] { ask_more(); });
}

bool Query::may_name(const Referrer& referrer) {
  return !referrer || net::is_bogon(referrer->host) || ++named_by_[referrer->host] <= kMaxNamed;
}

/// Returns whether the node is close enough to be of interest, asked already or not.
bool Query::add_pending(const net::Address& address, const Referrer& referrer, int depth) {
  const NodeId id = node_id_of(address);
  const bool close = closest_.accepts(id, address.host);
  const auto found = seen_.find(address);
  if (found != seen_.end()) {
    Seen& seen = found->second;
    if (referrer && seen.state == Visit::kDown) node_.send_down_hint(*referrer, address);
    if (referrer && seen.state == Visit::kPending) seen.referrers.push_back(*referrer);
    met_members_ |= referrer && seen.state == Visit::kAnswered;
    return close;
  }
  if (!close || !may_name(referrer)) return close;
  Seen& seen = seen_[address];
  seen.depth = depth;
  if (referrer) seen.referrers.push_back(*referrer);
  const auto at = std::upper_bound(pending_.begin(), pending_.end(), id,
                                   [this](const NodeId& added, const Pending& other) {
                                     return closer(options_.target, other.id, added);
                                   });
  pending_.insert(at, {id, address});
  return true;
}

std::size_t Query::limit() const {
  std::size_t base = options_.concurrency;
  if (options_.background && node_.calls().in_flight() >= kQuietInFlight) {
    base = kBackgroundConcurrency;
  }
  if (slow_down_) base = kSlowDownConcurrency;
  return base + slow_;
}

/// The closest, but in turns of each host's.
Query::Pending Query::take_next() {
  auto next = pending_.end();
  int fewest = std::numeric_limits<int>::max();
  for (auto at = pending_.end(); at != pending_.begin() && fewest > 0;) {
    const auto asked = asked_on_.find((--at)->address.host);
    const int turns = asked != asked_on_.end() ? asked->second / kTurn : 0;
    if (turns >= fewest) continue;
    fewest = turns;
    next = at;
  }
  const Pending out = *next;
  pending_.erase(next);
  return out;
}

void Query::ask_more() {
  if (state_ != State::kAsking) return;
  while (asking_.size() < limit() && !pending_.empty()) {
    const Pending next = take_next();
    if (closest_.accepts(next.id, next.address.host)) ask(next);
  }
  // Nodes that were close before get the chance to answer before the net is cast wider.
  if (!from_table_ && successes_ == 0 && errors_ == 0) slow_down_ = true;
  finish_if_done();
}

void Query::ask(const Pending& next) {
  ++asked_on_[next.address.host];
  Asking& asking = asking_[next.address];
  asking.id = next.id;
  asking.call = std::make_unique<Call>(
      node_.calls(),
      [this, to = next.address](const CallResult& result) { on_result(to, result); });
  asking.call->on_repeat([this, to = next.address] { on_repeat(to); });
  RequestSpec spec;
  spec.to = next.address;
  spec.to_id = next.id;
  spec.command = options_.command;
  spec.target = options_.target;
  spec.value = options_.value;
  spec.retries = options_.retries;
  asking.call->start(std::move(spec));
}

/// Their names may resolve slowly, and they may all be gone.
bool Query::waits_for_bootstrap() const {
  if (!bootstrap_ || bootstrap_->done() || closest_.full()) return false;
  return closest_.empty() || !bootstrap_->settled(patience());
}

/// One that a member of the network names is worth all repeats, unless this is upkeep, which nobody's
/// record hangs on. One that nobody names, as a bootstrap node or one from an earlier run, and that is
/// silent is no member any more: certainly not where members that answer name each other.
bool Query::waits_for(const net::Address& to) const {
  if (closest_.empty()) return true;
  const bool named = !seen_.at(to).referrers.empty();
  const int named_patience = options_.background ? kPatience : options_.retries + 1;
  return node_.calls().unanswered(to) < (named ? named_patience : patience());
}

int Query::patience() const {
  return met_members_ ? kPatienceAmongMembers : kPatience;
}

/// None of those that have answered is to be replaced by one of them, as far as is known.
bool Query::only_slow_are_left() const {
  return slow_ == asking_.size() && closest_.full() &&
         std::none_of(asking_.begin(), asking_.end(),
                      [this](const auto& asking) { return closest_.lacks(asking.first.host); });
}

void Query::finish_if_done() {
  if (state_ != State::kAsking || !pending_.empty() || waits_for_bootstrap()) return;
  const bool waits = std::any_of(asking_.begin(), asking_.end(),
                                 [this](const auto& asking) { return waits_for(asking.first); });
  if (waits && !only_slow_are_left()) return;
  // The nodes that were close before are mostly gone: start over from the table.
  if (!from_table_ && successes_ < static_cast<int>(kBucketSize / 4)) {
    add_from_table();
    if (!pending_.empty()) {
      ask_more();
      return;
    }
  }
  // Everybody we know is silent.
  if (successes_ == 0 && !bootstrap_) {
    add_bootstrap();
    bootstrap_->start();
    return;
  }
  for (auto& [address, asking] : asking_) {
    if (waits_for(address)) {
      node_.env().scheduler.retire(std::move(asking.call));
    } else {
      node_.calls().see_out(std::move(asking.call));
    }
  }
  asking_.clear();
  if (bootstrap_) bootstrap_->cancel();
  if (commit_) {
    commit();
  } else {
    finish({});
  }
}

void Query::on_repeat(const net::Address& to) {
  Asking& asking = asking_.at(to);
  if (!std::exchange(asking.slow, true)) ++slow_;
  ask_more();
}

void Query::on_result(const net::Address& to, const CallResult& result) {
  const auto found = asking_.find(to);
  if (found->second.slow) --slow_;
  node_.env().scheduler.retire(std::move(found->second.call));
  asking_.erase(found);
  if (result) {
    on_reply(to, *result);
  } else {
    on_timeout(to);
  }
  ask_more();
}

void Query::on_reply(const net::Address& to, const Reply& reply) {
  const int depth = seen_[to].depth;
  seen_[to].state = Visit::kAnswered;
  met_members_ |= !seen_[to].referrers.empty();
  const bool ok = reply.message.error == kErrorNone;
  ++(ok ? successes_ : errors_);
  if (ok) hops_ = std::max(hops_, depth + 1);
  if (ok && reply.from_id) push_closest(reply);

  // A bucket's worth, which is what nodes send: a datagram has room for hundreds that nobody is at.
  const auto& nodes = reply.message.closer_nodes;
  for (const net::Address& node : std::span(nodes).first(std::min(nodes.size(), kBucketSize))) {
    if (node_.options().filter != nullptr && !node_.options().filter(node)) continue;
    if (node.port == 0 || node_id_of(node) == node_.table_id()) continue;
    if (!add_pending(node, reply.from, depth + 1) && !closest_.crowded()) break;
  }
  if (!from_table_ && static_cast<std::size_t>(successes_ + errors_) >= options_.concurrency) {
    slow_down_ = false;
  }
  if (ok) on_reply_(reply);
}

void Query::on_timeout(const net::Address& to) {
  ++errors_;
  Seen& seen = seen_[to];
  seen.state = Visit::kDown;
  for (const net::Address& referrer : std::exchange(seen.referrers, {})) {
    // So that it stops recommending it.
    node_.send_down_hint(referrer, to);
  }
}

void Query::push_closest(const Reply& reply) {
  if (!closest_.accepts(*reply.from_id, reply.from.host)) return;
  ClosestReply entry{
      .id = *reply.from_id,
      .from = reply.from,
      .to = reply.message.to,
      .token = reply.message.token,
      .value = std::nullopt,
  };
  if (reply.message.value) entry.value = to_bytes(*reply.message.value);
  closest_.add(std::move(entry));
}

std::vector<net::Address> Query::closest_addresses() const {
  std::vector<net::Address> out;
  for (const ClosestReply& reply : closest()) out.push_back(reply.from);
  return out;
}

void Query::commit() {
  state_ = State::kCommitting;
  if (closest_.empty()) {
    finish(Err(QueryError::kTooFewNodes));
    return;
  }
  commits_left_ = closest().size();
  // All are asked before any counts: an update that cannot be made fails at once.
  std::size_t impossible = 0;
  for (const ClosestReply& reply : closest()) {
    auto spec = commit_(reply);
    if (!spec) {
      ++impossible;
      continue;
    }
    commits_.push_back(std::make_unique<Call>(
        node_.calls(), [this](const CallResult& result) { on_committed(result.ok()); }));
    commits_.back()->start(std::move(*spec));
  }
  for (; impossible > 0; --impossible) on_committed(false);
}

void Query::on_committed(bool ok) {
  any_committed_ |= ok;
  if (--commits_left_ > 0) return;
  if (any_committed_) {
    finish({});
  } else {
    finish(Err(QueryError::kCommitFailed));
  }
}

void Query::finish(Result<void, QueryError> result) {
  state_ = State::kFinished;
  on_done_(std::move(result));
}

}  // namespace hsfwd::rpc
