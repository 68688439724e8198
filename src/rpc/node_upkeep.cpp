// SPDX-License-Identifier: Apache-2.0
// How a node starts, stays informed, comes to doubt its address, and changes between ephemeral and
// persistent.
#include <functional>
#include <memory>
#include <optional>

#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr Duration kTickInterval = 5_s;
constexpr Duration kSleepGap = kTickInterval * 3;
constexpr std::uint32_t kWakeTicks = 720;       // makes everything in the table look old
constexpr std::uint32_t kPingRound = 8;         // ticks, a power of two
constexpr std::uint32_t kSmallTableRound = 64;  // ticks, a power of two
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
      bootstrap_(env_.scheduler,
                 {.quick_check = options_.quick_firewall_check,
                  .always_check = forced_persistent(),
                  .looks_again = options_.firewalled},
                 *this),
      membership_(options_.firewalled, !options_.ephemeral.has_value()),
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
      down_hints_left_(kDownHintsPerTick),
      drains_to_rotation_(kDrainsPerRotation),
      last_tick_at_(env_.now()),
      tick_timer_(env_.scheduler, [this] { on_tick(); }),
      drain_timer_(env_.scheduler, [this] { on_drain(); }),
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
  bootstrap_.start();
}

// --- Queries of its own ---

bool Node::forced_persistent() const {
  return options_.ephemeral == std::optional<bool>(false);
}

void Node::find_neighbours() {
  run_background_query(
      target_of(table_.self()), [this](const Reply& reply) { bootstrap_.on_reply(reply.from); },
      [this] { bootstrap_.on_query_done(); });
}

void Node::ask_for_pong(const net::Address& node) {
  check_.ask_one(node, [this](bool came) { bootstrap_.on_pong(came); });
}

void Node::check_reachability() {
  update_network_state(!forced_persistent(),
                       [this](bool changed) { bootstrap_.on_checked(changed); });
}

void Node::on_first_look() {
  env_.log.debug("rpc", "bootstrapped: {} nodes, {}, {}", table_.size(),
                 firewalled() ? "firewalled" : "open", ephemeral() ? "ephemeral" : "persistent");
  handler_.on_bootstrapped();
}

void Node::run_background_query(const Target& target, Query::OnReply on_reply,
                                std::function<void()> done) {
  note_query();
  env_.scheduler.retire(std::move(background_));
  background_ = std::make_unique<Query>(
      *this,
      QueryOptions{.target = target,
                   .command = InternalCommand::kFindNode,
                   .value = std::nullopt,
                   .start_nodes = {},
                   .background = true,
                   // Nodes remembered from an earlier run may all be gone.
                   .ask_bootstrap = !bootstrapped()},
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
  if (!ephemeral() || (only_firewall && !firewalled()) || check_.running()) {
    done(false);
    return;
  }
  if (!only_firewall) membership_.note_check(sampler_.host());
  if (!firewalled()) {
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
    membership_.open();
    established_.reset();
    const bool unchanged =
        ephemeral() && sampler_.verdict() == before && probed.host() == before->host;
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
  const bool is_member = membership_.settle(same, persistent);
  if (!same) {
    table_.rekey(id);
    if (bootstrapped()) refresh();
  }
  if (is_member) {
    env_.log.debug("rpc", "persistent as {}", own.to_string());
    handler_.on_persistent();
  }
  return true;
}

void Node::force_persistent(const net::Address& own_address) {
  ephemeral_samplers_.clear();
  sampler_ = {};
  sampler_.add_told(own_address);
  bootstrap_.skip();
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
  check_.cancel();
  env_.scheduler.retire(std::move(background_));
  if (membership_.doubt()) handler_.on_ephemeral();
  bootstrap_.look_again();
  handler_.on_network_update();
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
  if (!bootstrapped()) return;
  bootstrap_.on_tick();
  if (membership_.check_is_due(sampler_.host())) update_network_state(false, [](bool) {});
  if (tick_ % kPingRound == 0 && !liveness_.ping_some()) refresh();
  const bool small = tick_ % kSmallTableRound == 0 && table_.size() < kBucketSize;
  if (small || refresh_in_ == 0 || --refresh_in_ == 0) refresh();
  down_hints_left_ = kDownHintsPerTick;
  if (health_.update(calls_.stats().responses, calls_.stats().timeouts)) {
    handler_.on_network_update();
  }
}

void Node::wake_up() {
  env_.log.info("rpc", "woke up after a pause");
  tick_ += kWakeTicks;
  tick_ += kPingRound - tick_ % kPingRound - 2;  // a ping round in two ticks
  refresh_in_ = 1;
  const bool changed = health_.reset();
  if (membership_.sleep()) handler_.on_ephemeral();
  doubt_address();
  handler_.on_wake_up();
  if (changed) handler_.on_network_update();
}

}  // namespace hsfwd::rpc
