// SPDX-License-Identifier: Apache-2.0
// How a node starts, stays informed, comes to doubt its address, and changes between ephemeral and
// persistent.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "codec/writer.hpp"
#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr Duration kTickInterval = 5_s;
constexpr Duration kSleepGap = kTickInterval * 3;
constexpr std::uint32_t kStableTicks = 240;      // 20 min before the first check
constexpr std::uint32_t kMoreStableTicks = 720;  // an hour between further checks
constexpr std::uint32_t kWakeTicks = 720;        // makes everything in the table look old
constexpr std::uint32_t kPingRound = 8;          // ticks, a power of two
constexpr std::uint32_t kSmallTableRound = 64;   // ticks, a power of two
constexpr int kDownHintsPerTick = 50;
constexpr int kDrainsPerRotation = 10;  // 7.5 s

/// Between half of n and n, so that nodes started together do not tick in step.
std::uint32_t random_offset(Random& random, std::uint32_t n) {
  return n - random.below(n / 2);
}

}  // namespace

Node::Node(const net::Env& env, NodeOptions options, NodeHandler& handler)
    : env_(env),
      options_(std::move(options)),
      handler_(handler),
      firewalled_(options_.firewalled),
      adaptive_(!options_.ephemeral.has_value()),
      calls_(env_, *this),
      budget_(env_, SendBudget::kHost, SendBudget::kNetwork),
      pong_budget_(env_, ReturnChecks::kHost, ReturnChecks::kNetwork),
      return_checks_(env_),
      newcomers_(env_),
      tokens_(env_.random),
      table_(env_.random.fixed<NodeId>()),
      poll_(*this),
      liveness_(*this),
      check_(*this),
      tick_(random_offset(env_.random, 100)),
      refresh_in_(random_offset(env_.random, kRefreshTicks)),
      stable_in_(kStableTicks),
      down_hints_left_(kDownHintsPerTick),
      drains_to_rotation_(kDrainsPerRotation),
      last_tick_at_(env_.now()),
      tick_timer_(env_.scheduler, [this] { on_tick(); }),
      drain_timer_(env_.scheduler, [this] { on_drain(); }),
      quick_check_(calls_, [this](const CallResult& result) { on_quick_check(result.ok()); }),
      look_again_task_(env_.scheduler, [this] { look_again(); }),
      delayed_pings_(
          env_, [this](const RequestOrigin& origin) { reply(origin, std::nullopt, kBareReply); }) {}

Node::~Node() {
  env_.scheduler.collect();
}

void Node::start(net::UdpSocket& server, net::UdpSocket& client) {
  server_ = &server;
  client_ = &client;
  forget_address();
  for (auto node = options_.nodes.rbegin(); node != options_.nodes.rend(); ++node) add_node(*node);
  last_tick_at_ = env_.now();
  tick_timer_.start(kTickInterval);
  drain_timer_.start(Calls::kDrainInterval);
  bootstrap();
}

// --- Bootstrap: one query, the checks it makes worthwhile, a second query under the new id ---

bool Node::forced_persistent() const {
  return options_.ephemeral == std::optional<bool>(false);
}

void Node::bootstrap() {
  responses_before_ = calls_.stats().responses;
  heard_nobody_ = query_waits_ = false;
  quick_check_pending_ =
      bootstrap_round_ == 0 && firewalled_ && options_.quick_firewall_check && !forced_persistent();
  run_background_query(
      target_of(table_.self()), [this](const Reply& reply) { on_bootstrap_reply(reply); },
      [this] { on_bootstrap_query_done(); });
}

/// One node's answer to our server socket, in time, makes the full check worth its requests.
void Node::on_bootstrap_reply(const Reply& reply) {
  if (!std::exchange(quick_check_pending_, false)) return;
  RequestSpec spec;
  spec.to = reply.from;
  spec.internal = true;
  spec.command = static_cast<std::uint64_t>(InternalCommand::kPingNat);
  spec.value = codec::encode([&](codec::Writer& w) { w.u16(server_->local_address().port); });
  spec.answered_on = server_;
  quick_check_.start(std::move(spec));
}

void Node::on_quick_check(bool answered) {
  worth_checking_ |= answered;
  if (std::exchange(query_waits_, false)) on_bootstrap_query_done();
}

void Node::on_bootstrap_query_done() {
  // Nobody waits for a second look, which may be over as soon as one node has answered.
  query_waits_ = bootstrapped_ && quick_check_.active();
  if (query_waits_) return;
  heard_nobody_ = options_.firewalled && calls_.stats().responses == responses_before_;
  const bool check = worth_checking_ || forced_persistent();
  if (!check || bootstrap_round_ >= 2) {
    finish_bootstrap();
    return;
  }
  ++bootstrap_round_;
  update_network_state(!forced_persistent(), [this](bool changed) {
    if (changed && !bootstrapped_ && bootstrap_round_ < 2) {
      bootstrap();
    } else {
      finish_bootstrap();
    }
  });
}

void Node::finish_bootstrap() {
  if (!heard_nobody_) persistent_before_ = false;
  if (std::exchange(bootstrapped_, true)) return;
  env_.log.debug("rpc", "bootstrapped: {} nodes, {}, {}", table_.size(),
                 firewalled_ ? "firewalled" : "open", ephemeral_ ? "ephemeral" : "persistent");
  handler_.on_bootstrapped();
}

void Node::run_background_query(const Target& target, Query::OnReply on_reply,
                                std::function<void()> done) {
  note_query();
  env_.scheduler.retire(std::move(background_));
  background_ = std::make_unique<Query>(
      *this,
      QueryOptions{.target = target,
                   .internal = true,
                   .command = static_cast<std::uint64_t>(InternalCommand::kFindNode),
                   .value = std::nullopt,
                   .start_nodes = {},
                   .background = true,
                   // Nodes remembered from an earlier run may all be gone.
                   .ask_bootstrap = !bootstrapped_},
      std::move(on_reply), [done = std::move(done)](const Result<void, QueryError>&) { done(); });
  background_->start();
}

void Node::refresh() {
  if (background_ && !background_->finished()) return;
  const RoutingNode* node = table_.random(env_.random);
  run_background_query(
      target_of(node != nullptr ? node->id : table_.self()), [](const Reply&) {}, [] {});
}

// --- Checks ---

/// Tests whether the node is reachable, and with `only_firewall` false makes it a persistent member
/// if so. `done` hears whether it passed; a check that is running already answers no.
void Node::update_network_state(bool only_firewall, std::function<void(bool)> done) {
  if (!ephemeral_ || (only_firewall && !firewalled_) || check_.running()) {
    done(false);
    return;
  }
  if (!only_firewall) {
    stable_in_ = kMoreStableTicks;
    last_checked_host_ = sampler_.host();
  }
  if (!firewalled_) {
    done(established_ && apply_check(*established_, !only_firewall));
    return;
  }
  const auto before = sampler_.verdict();
  if (!before) {
    done(false);
    return;
  }
  check_.start([this, only_firewall, before, done = std::move(done)](bool passed,
                                                                     const AddressVotes& probed) {
    if (!passed) {
      done(false);
      return;
    }
    firewalled_ = false;
    established_.reset();
    const bool unchanged =
        ephemeral_ && sampler_.verdict() == before && probed.host() == before->host;
    if (unchanged) {
      ephemeral_samplers_.clear();
      sampler_ = probed;
    }
    done(unchanged && apply_check(*probed.verdict(), !only_firewall));
    handler_.on_network_update();
  });
}

/// The node is reachable at the address: its id follows from that.
bool Node::apply_check(const net::Address& own, bool persistent) {
  established_ = own;
  const NodeId id = node_id_of(own);
  const bool same = table_.self() == id;
  // What has proven stable before the doubt is so still.
  persistent |= std::exchange(persistent_before_, false) && same;
  if (persistent) ephemeral_ = false;
  if (!same) {
    table_.rekey(id);
    if (bootstrapped_) refresh();
  }
  if (persistent) {
    env_.log.debug("rpc", "persistent as {}", own.to_string());
    handler_.on_persistent();
  }
  return true;
}

void Node::force_persistent(const net::Address& own_address) {
  ephemeral_samplers_.clear();
  sampler_ = {};
  sampler_.add_told(own_address);
  firewalled_ = false;
  bootstrapped_ = true;
  apply_check(own_address, true);
}

// --- Another place ---

void Node::forget_address() {
  sampler_ = {};
  established_ = options_.own_address;
  if (established_) sampler_.add_told(*established_);
  ephemeral_samplers_.clear();
  for (RoutingNode* node = table_.newest(); node != nullptr; node = node->older) node->sampled = 0;
}

/// What others than those who denied the address say of it, too.
void Node::give_up_address() {
  env_.log.info("rpc", "our address is no longer {}", established_->to_string());
  if (options_.firewalled) {
    doubt_address();
  } else {
    established_ = sampler_.verdict();
    handler_.on_network_update();
  }
}

void Node::doubt_address() {
  if (server_ == nullptr || !options_.firewalled) return;
  forget_address();
  poll_.cancel();
  last_checked_host_.reset();
  check_.cancel();
  quick_check_.cancel();
  env_.scheduler.retire(std::move(background_));
  firewalled_ = true;
  if (!std::exchange(ephemeral_, true)) {
    persistent_before_ = true;
    handler_.on_ephemeral();
  }
  look_again_task_.post();
  handler_.on_network_update();
}

/// As at the start, but for the second query.
void Node::look_again() {
  bootstrap_round_ = 0;
  worth_checking_ = false;
  bootstrap();
}

// --- Clockwork ---

void Node::on_drain() {
  drain_timer_.start(Calls::kDrainInterval);
  if (--drains_to_rotation_ == 0) {
    drains_to_rotation_ = kDrainsPerRotation;
    tokens_.rotate();
  }
  calls_.drain();
}

void Node::on_tick() {
  const Duration gap = env_.now() - last_tick_at_;
  last_tick_at_ = env_.now();
  tick_timer_.start(kTickInterval);
  if (gap > kSleepGap) {
    wake_up();
  } else {
    ++tick_;
  }
  go_on_with_trials();
  if (!bootstrapped_) return;
  // The line is back.
  if (heard_nobody_ && calls_.stats().responses > responses_before_) look_again();
  if (adaptive_ && ephemeral_ && (stable_in_ == 0 || --stable_in_ == 0)) check_stability();
  if (tick_ % kPingRound == 0 && !liveness_.ping_some()) refresh();
  const bool small = tick_ % kSmallTableRound == 0 && table_.size() < kBucketSize;
  if (small || refresh_in_ == 0 || --refresh_in_ == 0) refresh();
  down_hints_left_ = kDownHintsPerTick;
  if (health_.update(calls_.stats().responses, calls_.stats().timeouts)) {
    handler_.on_network_update();
  }
}

void Node::check_stability() {
  if (last_checked_host_ == sampler_.host()) {
    stable_in_ = kMoreStableTicks;  // the same network would give the same verdict
  } else {
    update_network_state(false, [](bool) {});
  }
}

void Node::wake_up() {
  env_.log.info("rpc", "woke up after a pause");
  tick_ += kWakeTicks;
  tick_ += kPingRound - tick_ % kPingRound - 2;  // a ping round in two ticks
  stable_in_ = kMoreStableTicks;
  refresh_in_ = 1;
  last_checked_host_.reset();
  persistent_before_ = false;
  const bool changed = health_.reset();
  if (adaptive_ && !ephemeral_) {
    ephemeral_ = true;
    handler_.on_ephemeral();
  }
  doubt_address();
  handler_.on_wake_up();
  if (changed) handler_.on_network_update();
}

}  // namespace hsfwd::rpc
