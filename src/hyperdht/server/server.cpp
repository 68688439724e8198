// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/server.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "hyperdht/server/context.hpp"
#include "hyperdht/server/server_session.hpp"
#include "hyperdht/server/servers.hpp"
#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {
// Handshakes under way at once, and those of the last seconds.
constexpr std::size_t kMaxSessions = 1024;
constexpr std::size_t kMaxWaiting = 256;  // first messages; 80 ms of work
// Later than now, so that the event loop looks at its sockets in between.
constexpr Duration kAfterOthers = 1_us;
}  // namespace

Server::Server(const ServerContext& context, ServerOptions options, OnConnection on_connection)
    : context_(context),
      options_(std::move(options)),
      on_connection_(std::move(on_connection)),
      order_(kMaxSessions),
      gate_(context.env.random),
      turn_timer_(context.env.scheduler, [this] { next_turn(); }),
      start_task_(context.env.scheduler, [this] { start(); }),
      hand_over_task_(context.env.scheduler, [this] { hand_over_ready(); }),
      closed_task_(context.env.scheduler, [this] { on_closed_(); }) {}

Server::~Server() {
  cancel();
}

void Server::cancel() {
  if (std::exchange(cancelled_, true)) return;
  context_.router.remove_server(target_, *this);
  context_.servers.remove(*this);
  for (Task* task : {&start_task_, &hand_over_task_, &closed_task_}) task->cancel();
  turn_timer_.stop();
  if (self_test_) self_test_->cancel();
  if (announcer_) announcer_->cancel();
  sessions_.for_each([](std::size_t, ServerSession& session) { session.cancel(); });
}

Scheduler& Server::scheduler() {
  return context_.env.scheduler;
}

Result<void> Server::listen(const crypto::KeyPair& keys,
                            std::function<void(std::size_t)> on_announced) {
  HSFWD_CHECK(!announcer_);
  target_ = target_of_peer(keys.public_key);
  if (context_.router.has_server(target_)) return Err(Errc::kRefused);
  keys_ = keys;
  announcer_ = std::make_unique<Announcer>(
      context_.node, keys, [this, told = std::move(on_announced)](std::size_t relays) {
        if (self_test_) self_test_->on_announced();
        told(relays);
      });
  if (options_.on_reachability) {
    self_test_ = std::make_unique<SelfTest>(context_, *announcer_, keys, options_.on_reachability);
  }
  context_.router.add_server(target_, *this);
  context_.servers.add(*this);
  // Begins the tests, so that the first client hears of the addresses.
  if (options_.share_local_addresses) context_.addresses.validated_local();
  if (context_.node.bootstrapped()) start_soon();
  return {};
}

void Server::start() {
  announcer_->start();
  context_.servers.prepare_punch_socket();
}

void Server::close(std::function<void()> done) {
  on_closed_ = std::move(done);
  if (!announcer_) {
    closed_task_.post();
    return;
  }
  start_task_.cancel();
  context_.router.remove_server(target_, *this);
  context_.servers.remove(*this);
  waiting_.clear();
  context_.env.scheduler.retire(std::move(self_test_));
  announcer_->stop([this] { closed_task_.post(); });
}

void Server::refresh() {
  if (announcer_) announcer_->refresh();
}

std::optional<HandshakeAnswer> Server::on_handshake(const HandshakeMessage& message,
                                                    const rpc::RequestOrigin& origin) {
  const auto known = by_noise_.find(message.noise);
  if (known != by_noise_.end()) {
    ServerSession& session = *sessions_.find(known->second);
    session.on_copy(message, origin);
    return session.answer_copy(message, origin);
  }
  const Address source = source_of(message, origin);
  if (opened_ >= HandshakeGate::kPerTurn) {
    wait(message, origin, source);
    return std::nullopt;
  }
  return open(message, origin, source);
}

/// Whose the cost is: what an own relay says of others is as good as what it says of itself.
Address Server::source_of(const HandshakeMessage& message, const rpc::RequestOrigin& origin) const {
  if (!announcer_->is_relay(origin.from)) return origin.from;
  // The relay saw who sent it, which is all that it knows.
  if (message.mode == Mode::kFromSecondRelay) return message.relay_address.value_or(origin.from);
  return message.peer_address.value_or(origin.from);
}

void Server::wait(const HandshakeMessage& message, const rpc::RequestOrigin& origin,
                  const Address& source) {
  rpc::Node& node = context_.node;
  // Others may be gone by then.
  const bool lasting =
      origin.socket == &node.client_socket() || origin.socket == &node.server_socket();
  const bool known = std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& other) {
    return other.message.noise == message.noise;
  });
  if (lasting && !known && waiting_.size() < kMaxWaiting) {
    waiting_.push_back({message, origin, source});
  } else {
    ++stats_.turned_away;
  }
}

void Server::next_turn() {
  opened_ = 0;
  while (opened_ < HandshakeGate::kPerTurn && !waiting_.empty() && !cancelled_) {
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    auto answer = open(next.message, next.origin, next.source);
    if (answer) context_.router.answer_handshake(next.origin, next.message, std::move(*answer));
  }
}

std::optional<HandshakeAnswer> Server::open(const HandshakeMessage& message,
                                            const rpc::RequestOrigin& origin,
                                            const Address& source) {
  const Instant now = context_.env.now();
  if (!gate_.admit(message.noise, source, now)) {
    ++stats_.turned_away;
    return std::nullopt;
  }
  ++opened_;
  if (!turn_timer_.armed()) turn_timer_.start(kAfterOthers);
  ++stats_.handshakes;
  // The session names its number in the answer, so it has to have one before.
  const std::size_t id = sessions_.reserve();
  auto session = std::make_unique<ServerSession>(*this, id, message.noise, source);
  if (!session->begin(message, origin)) {
    gate_.note_useless(message.noise, now);
    context_.env.scheduler.retire(std::move(session));
    sessions_.release(id);
    return std::nullopt;
  }
  make_room();
  const HandshakeAnswer answer{session->answer(), session->answer_socket()};
  ServerSession& kept = *session;
  sessions_.put(id, std::move(session));
  try {
    by_noise_[message.noise] = id;
    order_.add(id, source.host, kept.standing());
  } catch (const std::bad_alloc&) {
    forget(kept);
    throw;
  }
  return answer;
}

void Server::make_room() {
  while (order_.full()) {
    ++stats_.dropped;
    forget(*sessions_.find(*order_.next()));
  }
}

void Server::on_holepunch(const HolepunchMessage& message, const rpc::RequestOrigin& origin) {
  ServerSession* session = sessions_.find(message.id);
  if (session != nullptr) session->on_holepunch(message, origin);
}

void Server::hand_over(std::unique_ptr<PeerSocket> socket) {
  ++stats_.connections;
  ready_.push_back(std::move(socket));
  hand_over_task_.post();
}

void Server::hand_over_ready() {
  for (auto& socket : std::exchange(ready_, {})) {
    try {
      if (!cancelled_) on_connection_(std::move(socket));
    } catch (const std::bad_alloc&) {
      // Whoever had it by then has let go of it, which has reset it.
      ++stats_.dropped;
    }
  }
}

void Server::forget(ServerSession& session) {
  by_noise_.erase(session.noise());
  order_.remove(session.id());
  context_.env.scheduler.retire(sessions_.take(session.id()));
}

void Server::collect(MetricSink& sink) const {
  sink.counter("hsfwd_server_handshakes", "First messages of clients that were opened",
               stats_.handshakes);
  const char* name = "hsfwd_server_dropped";
  const char* help = "Clients that did not become a connection";
  sink.counter(name, help, stats_.turned_away, {{"reason", "turned_away"}});
  sink.counter(name, help, stats_.invalid, {{"reason", "invalid"}});
  sink.counter(name, help, stats_.refused, {{"reason", "not_allowed"}});
  sink.counter(name, help, stats_.dropped, {{"reason", "too_many"}});
  sink.counter(name, help, stats_.abandoned, {{"reason", "no_proof"}});
  sink.counter("hsfwd_server_connections", "Connections handed over", stats_.connections);
  sink.counter("hsfwd_server_early", "Clients served before their proof, as they are known there",
               stats_.early);
  sink.gauge("hsfwd_server_sessions", "Clients on their way to a connection, or to a direct path",
             sessions_.size());
  sink.gauge("hsfwd_server_known_clients", "Clients that would not be asked for a proof",
             clients_.size());
}

}  // namespace hsfwd::hyperdht
