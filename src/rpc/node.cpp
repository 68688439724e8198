// SPDX-License-Identifier: Apache-2.0
// Requests and answers. Bootstrap, checks and ticks are in node_upkeep.cpp.
#include "rpc/node.hpp"

#include <algorithm>

#include "codec/writer.hpp"

namespace hsfwd::rpc {

namespace {
constexpr std::uint32_t kReportTicks = 360;  // half an hour: a report of our address is fresh
constexpr std::uint32_t kPollPause =
    12;                          // ticks, a minute: who lies is not to make us ask all the time
constexpr int kPollsToLose = 3;  // in a row, unless one is unanimous
constexpr std::uint32_t kMaxDelayedPing = 10'000;  // ms
constexpr std::size_t kDownHintSize = 6;
// Beside a value: who has found it needs no more than a few who may know of another.
constexpr std::size_t kFewestCloserNodes = 8;
}  // namespace

std::optional<NodeId> Node::id() const {
  if (ephemeral()) return std::nullopt;
  return table_.self();
}

std::optional<NodeId> Node::id_on(const net::UdpSocket& socket) {
  // Only the server socket's address hashes to the id; from anywhere else nobody could verify it.
  return &socket == server_ ? id() : std::nullopt;
}

std::optional<net::Address> Node::remote_address() const {
  if (firewalled() || !established_) return std::nullopt;
  return established_->port == server_->local_address().port ? established_ : std::nullopt;
}

void Node::on_datagram(net::UdpSocket& socket, const net::Address& from, ByteView bytes) {
  if (from.port == 0 || server_ == nullptr) return;
  switch (message_kind(bytes)) {
    case MessageKind::kRequest:
      if (const auto message = decode_request(bytes)) {
        on_request(socket, from, *message, bytes.size());
      }
      return;
    case MessageKind::kResponse:
      if (const auto tid = response_tid(bytes)) {
        const bool checked = return_checks_.on_response(
            socket, from, *tid, [this](IncomingRequest& again) { on_pong(again); });
        if (checked) return;
        if (newcomers_.on_response(socket, from, *tid)) {
          on_newcomer_pong(from, bytes);
        } else {
          calls_.on_response(socket, from, bytes);
        }
      }
      return;
    case MessageKind::kNone:
      return;
  }
}

void Node::on_request(net::UdpSocket& socket, const net::Address& from,
                      const RequestMessage& message, std::size_t size) {
  if (!budget_.left_for(from)) {
    ++admission_stats_.over_budget;
    return;
  }
  if (env_.log.enabled(LogLevel::kTrace)) {
    env_.log.trace("rpc", "{} asks: {}", from.to_string(), message.command.to_string());
  }
  // A bootstrap node that does not run, at a port that is ours by now: nobody has answered.
  if (message.command.internal() && is_self(from)) return;
  calls_.note_line_up();
  IncomingRequest request{
      .origin = {.socket = &socket,
                 .from = from,
                 .to = message.to,
                 .tid = message.tid,
                 .command = message.command,
                 .target = message.target,
                 .size = size,
                 .proven = message.token.has_value()},
      .from_id = verified_id(message.id, from),
      .token = message.token,
      .value = message.value,
  };
  // Before the command is looked at, so that an unknown one with a bad token is told of the token.
  if (message.token && !tokens_.verify(*message.token, from.host)) {
    request.origin.proven = false;
    reply_error(request.origin, kErrorInvalidToken, {.token = true});
    return;
  }
  if (request.from_id) meet(socket, from, *request.from_id);
  dispatch(request);
}

/// Every member of the DHT answers pings by itself, also if it was another that asked in its name.
void Node::on_pong(IncomingRequest& request) {
  RequestOrigin& origin = request.origin;
  origin.proven = origin.by_pong = pong_budget_.left_for(origin.from);
  dispatch(request);
}

/// Without a look at the interfaces, which takes longer than any question may.
bool Node::is_self(const net::Address& address) const {
  for (const net::UdpSocket* socket : {server_, client_}) {
    const net::Address local = socket->local_address();
    const bool here =
        address.host == local.host || (local.host.is_any() && address.host.is_loopback());
    if (here && address.port == local.port) return true;
  }
  return false;
}

void Node::dispatch(const IncomingRequest& request) {
  if (request.origin.command.internal()) {
    on_internal(request);
  } else if (!handler_.on_request(request)) {
    reply_error(request.origin, kErrorUnknownCommand);
  }
}

void Node::on_internal(const IncomingRequest& request) {
  const ReplyOptions bare{.token = false, .closer_nodes = false};
  const ByteView value = request.value.value_or(ByteView());
  codec::Reader reader(value);
  switch (request.origin.command.as<InternalCommand>()) {
    case InternalCommand::kPing:
      reply(request.origin, std::nullopt, bare);
      return;
    case InternalCommand::kPingNat: {
      const std::uint16_t port = reader.u16();
      if (!reader.ok() || port == 0) return;
      reply(request.origin, std::nullopt,
            {.token = false,
             .closer_nodes = false,
             .to = net::Address{request.origin.from.host, port}});
      return;
    }
    case InternalCommand::kFindNode:
      if (request.origin.target) reply(request.origin, std::nullopt, {.token = false});
      return;
    case InternalCommand::kDownHint:
      if (value.size() < kDownHintSize) return;
      liveness_.on_down_hint(NodeId::from(crypto::blake2b_256(value.first(kDownHintSize)).view()));
      reply(request.origin, std::nullopt, bare);
      return;
    case InternalCommand::kDelayedPing:
      on_delayed_ping(request);
      return;
  }
  reply_error(request.origin, kErrorUnknownCommand);
}

void Node::on_delayed_ping(const IncomingRequest& request) {
  codec::Reader reader(request.value.value_or(ByteView()));
  const std::uint32_t delay = reader.u32();
  if (!reader.ok() || delay > kMaxDelayedPing) return;
  RequestOrigin origin = request.origin;
  // A pool socket may be gone by then; the node's own stay.
  if (origin.socket != client_) origin.socket = server_;
  delayed_pings_.add(origin, Duration::millis(delay));
}

void Node::reply(const RequestOrigin& origin, std::optional<ByteView> value,
                 const ReplyOptions& options) {
  send_response(origin, {}, options, value);
}

void Node::reply_error(const RequestOrigin& origin, std::uint64_t code,
                       const ReplyOptions& options) {
  ResponseMessage message;
  message.error = code;
  send_response(origin, std::move(message), options, std::nullopt);
}

void Node::answer(const IncomingRequest& request, std::optional<ByteView> value) {
  if (fits(request, value)) {
    reply(request.origin, value);
  } else if (!check_return(request)) {
    // As if there were none; the token lets him ask again.
    reply(request.origin, std::nullopt);
  }
}

/// With enough closer nodes to be of use on the way.
bool Node::fits(const IncomingRequest& request, std::optional<ByteView> value) const {
  if (!value || request.origin.proven) return true;
  const ResponseMessage answer{.id = table_.self(), .token = Token(), .value = value};
  const std::size_t closer = std::min(kFewestCloserNodes, table_.size());
  return answer.max_size(closer) <= max_unproven_answer(request.origin.size);
}

bool Node::check_return(const IncomingRequest& request) {
  if (!pong_budget_.left_for(request.origin.from)) {
    ++admission_stats_.over_pong_budget;
    return false;
  }
  const auto tid = return_checks_.begin(request);
  if (!tid) return false;
  ++admission_stats_.return_checks;
  send_ping(*request.origin.socket, request.origin.from, *tid);
  return true;
}

/// As small as it can be: to where nobody may have asked.
void Node::send_ping(net::UdpSocket& socket, const net::Address& to, std::uint16_t tid) {
  const RequestMessage ping{.tid = tid, .to = to, .command = InternalCommand::kPing};
  send(socket, to, ping.encode(), to);
}

void Node::send_response(const RequestOrigin& origin, ResponseMessage message,
                         const ReplyOptions& options, std::optional<ByteView> value) {
  net::UdpSocket& socket = options.socket != nullptr ? *options.socket : *origin.socket;
  const net::Address to = options.to.value_or(origin.from);
  if (to.host != origin.from.host && !net::may_lead_to(origin.from.host, to.host)) {
    ++admission_stats_.not_forwarded;
    return;
  }
  message.tid = origin.tid;
  message.to = to;
  message.id = id_on(socket);
  if (options.token) message.token = tokens_.issue(to.host);
  message.value = value;
  if (options.closer_nodes && origin.target) {
    add_closer_nodes(message, *origin.target,
                     origin.proven ? net::kMaxDatagram : max_unproven_answer(origin.size));
  }
  const Bytes datagram = message.encode();
  if (origin.by_pong && datagram.size() > max_unproven_answer(origin.size)) {
    pong_budget_.spend(to, datagram.size());
  }
  send(socket, to, datagram, to);
}

/// As many as an answer of `limit` bytes has room for, the nearest of those that there are.
void Node::add_closer_nodes(ResponseMessage& message, const Target& target,
                            std::size_t limit) const {
  const std::size_t used = message.max_size(0);
  const std::size_t room = limit > used ? (limit - used) / net::Address::kWireSize : 0;
  auto nodes = table_.closest(target, kBucketSize);
  if (nodes.size() > room) {
    std::partial_sort(
        nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(room), nodes.end(),
        [&](const RoutingNode* a, const RoutingNode* b) { return closer(target, a->id, b->id); });
    nodes.resize(room);
  }
  for (const RoutingNode* node : nodes) message.closer_nodes.push_back(node->address);
}

void Node::relay(const RequestOrigin& origin, ByteView value, const net::Address& to,
                 net::UdpSocket* socket, Payer payer) {
  if (to.port == 0) return;
  if (to.host != origin.from.host && !net::may_lead_to(origin.from.host, to.host)) {
    ++admission_stats_.not_forwarded;
    return;
  }
  net::UdpSocket& out = socket != nullptr ? *socket : *origin.socket;
  const RequestMessage message{
      .tid = origin.tid,
      .to = to,
      .id = id_on(out),
      .command = origin.command,
      .target = origin.target,
      .value = value,
  };
  send(out, to, message.encode(),
       payer == Payer::kSender ? std::optional(origin.from) : std::nullopt);
}

void Node::send(net::UdpSocket& socket, const net::Address& to, const Bytes& datagram,
                const std::optional<net::Address>& payer) {
  if (payer) budget_.spend(*payer, datagram.size());
  send_message(socket, to, datagram);
}

void Node::on_reply(const Reply& reply) {
  if (reply.from_id) learn(reply.from, *reply.from_id);
  take_vote(reply);
}

void Node::on_timeout(const net::Address&, const std::optional<NodeId>& id) {
  if (id) table_.remove(*id);
}

/// Who asks may be nobody, and changes nothing: one that the table has room for has to answer a
/// ping first, and so has one that was silent.
void Node::meet(net::UdpSocket& socket, const net::Address& from, const NodeId& id) {
  if (options_.filter != nullptr && !options_.filter(from)) return;
  if (table_.find(id) != nullptr) {
    if (calls_.unanswered(from) > 0) ping_newcomer(socket, from);
  } else if (id == table_.self() || table_.is_crowded(id, from.host)) {
    return;
  } else if (!table_.has_room(id)) {
    liveness_.on_full_bucket({.id = id, .address = from}, Liveness::Newcomer::kAsks);
  } else if (!try_newcomer(socket, from, id)) {
    ping_newcomer(socket, from);
  }
}

void Node::ping_newcomer(net::UdpSocket& socket, const net::Address& from) {
  if (const auto tid = newcomers_.begin(socket, from)) send_ping(socket, from, *tid);
}

/// Where there are members enough, nobody needs one more at once.
bool Node::try_newcomer(net::UdpSocket& socket, const net::Address& from, const NodeId& id) {
  if (table_.size() >= Newcomers::kTrials) return false;
  net::UdpSocket* const asked = &socket == client_ ? client_ : server_;  // others may be gone then
  if (!newcomers_.begin_trial({.id = id, .node = from, .socket = asked})) return false;
  table_.add({.id = id, .address = from, .added = tick_, .pinged = tick_, .on_trial = true});
  return true;
}

/// Every tick: who was asked in the last one and has not answered is nobody.
void Node::go_on_with_trials() {
  for (const Newcomers::Trial& trial : newcomers_.end_trials()) {
    const RoutingNode* node = table_.find(trial.id);
    if (node != nullptr && node->on_trial) table_.remove(trial.id);
  }
  for (const Newcomers::Trial& trial : newcomers_.next_trials()) {
    ping_newcomer(*trial.socket, trial.node);
  }
}

void Node::on_newcomer_pong(const net::Address& from, ByteView bytes) {
  const auto message = decode_response(bytes);
  if (!message) return;
  calls_.note_heard(from);
  if (const auto id = verified_id(message->id, from)) learn(from, *id);
}

/// From an answer, and from nothing else.
void Node::learn(const net::Address& from, const NodeId& id) {
  if (options_.filter != nullptr && !options_.filter(from)) return;
  if (RoutingNode* known = table_.find(id)) {
    known->pinged = tick_;
    if (std::exchange(known->on_trial, false)) newcomers_.end_trial(id);
    table_.touch(*known);
    return;
  }
  insert({.id = id, .address = from});
}

void Node::insert(RoutingNode node) {
  if (node.id == table_.self() || table_.find(node.id) != nullptr) return;
  if (table_.is_crowded(node.id, node.address.host)) return;
  node.added = node.pinged = tick_;
  if (table_.add(node) == nullptr) liveness_.on_full_bucket(node, Liveness::Newcomer::kAnswers);
}

// --- The own address ---

/// Members vote when they are met and every half hour, from what they see of the socket that we
/// send from. Of others the first few do, without whom a network that has no members yet could have
/// none.
bool Node::may_vote(const Reply& reply) {
  if (options_.filter != nullptr && !options_.filter(reply.from)) return false;
  if (external(*reply.socket)) return false;
  if (reply.from_id) {
    RoutingNode* known = table_.find(*reply.from_id);
    if (known == nullptr) return false;
    if (known->sampled != 0 && tick_ - known->sampled < kReportTicks) return false;
    known->sampled = tick_;
    return true;
  }
  const std::size_t limit = std::max<std::size_t>(1, options_.bootstrap.size());
  if (ephemeral_samplers_.size() >= limit) return false;
  if (std::find(ephemeral_samplers_.begin(), ephemeral_samplers_.end(), reply.from) !=
      ephemeral_samplers_.end()) {
    return false;
  }
  ephemeral_samplers_.push_back(reply.from);
  return true;
}

void Node::take_vote(const Reply& reply) {
  if (may_vote(reply)) count_vote(reply.message.to, reply.from);
}

void Node::count_vote(const net::Address& to, const net::Address& voter) {
  const auto host = sampler_.host();
  const auto port = sampler_.port();
  if (!sampler_.add(to, voter)) return;
  // Where no check will show it, the first look around does, and nobody has been told before it is
  // over.
  const bool looking = !bootstrapped() && !options_.firewalled && !options_.own_address;
  if (!established_ || looking) established_ = sampler_.verdict();
  if (!firewalled() && established_ && sampler_.verdict() != established_) on_address_denied();
  if (host != sampler_.host() || port != sampler_.port()) handler_.on_network_update();
}

/// Either it has changed, or too many lie: others know.
void Node::on_address_denied() {
  if (poll_.running() || static_cast<std::int32_t>(tick_ - poll_from_) < 0) return;
  poll_from_ = tick_ + kPollPause;
  const bool asked = poll_.start(*established_, sampler_.dissenters(*established_),
                                 [this](const auto& opinions) { on_opinions(opinions); });
  if (!asked) give_up_address();  // there is nobody else
}

void Node::on_opinions(const std::vector<AddressPoll::Opinion>& opinions) {
  if (firewalled() || !established_ || opinions.empty()) return;
  const auto agreeing =
      std::count_if(opinions.begin(), opinions.end(),
                    [this](const auto& opinion) { return opinion.claim == *established_; });
  if (static_cast<std::size_t>(agreeing) * 2 <= opinions.size()) {
    // After a move nobody agrees. A minority that lies is now and then the majority of a few.
    if (agreeing == 0 || ++polls_lost_ >= kPollsToLose) {
      polls_lost_ = 0;
      give_up_address();
    } else {
      poll_from_ = tick_;
    }
    return;
  }
  polls_lost_ = 0;
  // Who denied it had a vote, and has another in half an hour.
  sampler_ = {};
  for (const auto& [voter, claim] : opinions) {
    if (claim == *established_) sampler_.add(claim, voter);
  }
  handler_.on_network_update();
}

void Node::add_node(const net::Address& address) {
  insert({.id = node_id_of(address), .address = address});
}

void Node::send_down_hint(const net::Address& to, const net::Address& down) {
  if (down_hints_left_ == 0) return;
  --down_hints_left_;
  std::erase_if(down_hints_, [](const auto& call) { return !call->active(); });
  down_hints_.push_back(std::make_unique<Call>(calls_, [](const CallResult&) {}));
  RequestSpec spec;
  spec.to = to;
  spec.command = InternalCommand::kDownHint;
  spec.value = codec::encode([&](codec::Writer& w) { w.ipv4(down); });
  down_hints_.back()->start(std::move(spec));
}

void Node::ping(Call& call, const net::Address& to, net::UdpSocket* socket, int retries) const {
  RequestSpec spec;
  spec.to = to;
  spec.command = InternalCommand::kPing;
  spec.socket = socket;
  spec.retries = retries;
  call.start(std::move(spec));
}

std::vector<net::Address> Node::known_nodes(std::size_t limit) const {
  std::vector<net::Address> out;
  for (const RoutingNode* node = table_.newest(); node != nullptr && out.size() < limit;
       node = node->older) {
    out.push_back(node->address);
  }
  return out;
}

}  // namespace hsfwd::rpc
