// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server.hpp"

#include <new>

#include "hyperdht/dht.hpp"
#include "hyperdht/server_session.hpp"

namespace hsfwd::hyperdht {

namespace {
// Handshakes under way at once, and those of the last seconds.
constexpr std::size_t kMaxSessions = 1024;
}  // namespace

Server::Server(Dht& dht, ServerOptions options, OnConnection on_connection)
    : dht_(dht),
      options_(std::move(options)),
      on_connection_(std::move(on_connection)),
      order_(kMaxSessions),
      start_task_(dht.env().scheduler, [this] { start(); }),
      hand_over_task_(dht.env().scheduler, [this] { hand_over_ready(); }),
      closed_task_(dht.env().scheduler, [this] { on_closed_(); }) {}

Server::~Server() {
  cancel();
}

void Server::cancel() {
  if (std::exchange(cancelled_, true)) return;
  dht_.router().remove_server(target_, *this);
  dht_.remove_server(*this);
  for (Task* task : {&start_task_, &hand_over_task_, &closed_task_}) task->cancel();
  if (self_test_) self_test_->cancel();
  if (announcer_) announcer_->cancel();
  sessions_.for_each([](std::size_t, ServerSession& session) { session.cancel(); });
}

Scheduler& Server::scheduler() {
  return dht_.env().scheduler;
}

Result<void> Server::listen(const crypto::KeyPair& keys,
                            std::function<void(std::size_t)> on_announced) {
  HSFWD_CHECK(!announcer_);
  target_ = target_of_peer(keys.public_key);
  if (dht_.router().has_server(target_)) return Err(Errc::kRefused);
  keys_ = keys;
  announcer_ = std::make_unique<Announcer>(
      dht_.node(), keys, [this, told = std::move(on_announced)](std::size_t relays) {
        if (self_test_) self_test_->on_announced();
        told(relays);
      });
  if (options_.on_reachability) {
    self_test_ = std::make_unique<SelfTest>(dht_, *announcer_, keys, options_.on_reachability);
  }
  dht_.router().add_server(target_, *this);
  dht_.add_server(*this);
  // Begins the tests, so that the first client hears of the addresses.
  if (options_.share_local_addresses) dht_.validated_local_addresses();
  if (dht_.bootstrapped()) start_soon();
  return {};
}

void Server::start() {
  announcer_->start();
  dht_.prepare_punch_socket();
}

void Server::close(std::function<void()> done) {
  on_closed_ = std::move(done);
  if (!announcer_) {
    closed_task_.post();
    return;
  }
  start_task_.cancel();
  dht_.router().remove_server(target_, *this);
  dht_.remove_server(*this);
  dht_.env().scheduler.retire(std::move(self_test_));
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
  ++stats_.handshakes;
  // The session names its number in the answer, so it has to have one before.
  const std::size_t id = sessions_.reserve();
  auto session = std::make_unique<ServerSession>(*this, id, message.noise);
  if (!session->begin(message, origin)) {
    dht_.env().scheduler.retire(std::move(session));
    sessions_.release(id);
    return std::nullopt;
  }
  make_room();
  const HandshakeAnswer answer{session->answer(), session->answer_socket()};
  by_noise_[message.noise] = id;
  order_.add(id, session->blamed_host(), session->standing());
  sessions_.put(id, std::move(session));
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
  dht_.env().scheduler.retire(sessions_.take(session.id()));
}

}  // namespace hsfwd::hyperdht
