// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/router.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kMaxForwards = 65536;
constexpr Duration kMaxAge = 20_min;
}  // namespace

Router::Router(rpc::Node& node)
    : node_(node),
      forwards_(node.env().scheduler, kMaxForwards, kMaxAge, SeededHash{node.env().random.u64()}) {}

void Router::add_server(const rpc::Target& target, RoutedServer& server) {
  servers_[target] = &server;
}

void Router::remove_server(const rpc::Target& target, const RoutedServer& server) {
  const auto found = servers_.find(target);
  if (found != servers_.end() && found->second == &server) servers_.erase(found);
}

void Router::set_forward(const rpc::Target& target, const Address& relay, Bytes record) {
  if (!has_server(target)) forwards_.set(target, {relay, std::move(record)});
}

void Router::remove_forward(const rpc::Target& target) { forwards_.erase(target); }

std::optional<Address> Router::relay_for(const rpc::Target& target) {
  if (has_server(target)) return std::nullopt;
  const Forward* forward = forwards_.get(target);
  return forward != nullptr ? std::optional<Address>(forward->relay) : std::nullopt;
}

const Bytes* Router::record_for(const rpc::Target& target) {
  const auto server = servers_.find(target);
  if (server != servers_.end()) return &server->second->record();
  const Forward* forward = forwards_.get(target);
  return forward != nullptr ? &forward->record : nullptr;
}

void Router::on_handshake(const rpc::IncomingRequest& request) {
  if (!request.value) return;
  const auto message = HandshakeMessage::decode(*request.value);
  if (!message) return;
  const rpc::RequestOrigin& origin = request.origin;
  const auto server = origin.target ? servers_.find(*origin.target) : servers_.end();
  if (server != servers_.end()) {
    auto answer = server->second->on_handshake(*message, origin);
    if (answer) answer_handshake(origin, *message, std::move(*answer));
  } else {
    relay_handshake(*message, origin);
  }
}

void Router::answer_handshake(const rpc::RequestOrigin& origin, const HandshakeMessage& message,
                              HandshakeAnswer answer) {
  HandshakeMessage out{.noise = std::move(answer.noise)};
  rpc::ReplyOptions options = rpc::kBareReply;
  options.socket = answer.socket;
  switch (message.mode) {
    case Mode::kFromClient:
      out.mode = Mode::kReply;
      node_.reply(origin, out.encode(), options);
      return;
    case Mode::kFromRelay:
      out.mode = Mode::kFromServer;
      out.peer_address = message.peer_address;
      node_.relay(origin, out.encode(), origin.from, answer.socket);
      return;
    case Mode::kFromSecondRelay:
      if (!message.relay_address) return;
      out.mode = Mode::kFromServer;
      out.peer_address = message.peer_address;
      node_.relay(origin, out.encode(), *message.relay_address, answer.socket);
      return;
    case Mode::kFromServer:
    case Mode::kReply:
      return;
  }
}

void Router::relay_handshake(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  const auto relay = origin.target ? relay_for(*origin.target) : std::nullopt;
  HandshakeMessage out{.noise = message.noise};
  switch (message.mode) {
    case Mode::kFromClient: {
      const auto to = message.relay_address ? message.relay_address : relay;
      if (!to) {
        // The client looks in the wrong place: help it on.
        node_.reply(origin, std::nullopt, {.token = false});
        return;
      }
      out.mode = Mode::kFromRelay;
      out.peer_address = origin.from;
      forward_handshake(origin, std::move(out), *to);
      return;
    }
    case Mode::kFromRelay:
      if (!relay) return;
      out.mode = Mode::kFromSecondRelay;
      out.peer_address = message.peer_address;
      out.relay_address = origin.from;
      forward_handshake(origin, std::move(out), *relay);
      return;
    case Mode::kFromServer: {
      if (!message.peer_address) return;
      out.mode = Mode::kReply;
      out.peer_address = origin.from;
      rpc::ReplyOptions options = rpc::kBareReply;
      options.to = message.peer_address;
      ++stats_.handshakes_relayed;
      node_.reply(origin, out.encode(), options);
      return;
    }
    case Mode::kFromSecondRelay:
    case Mode::kReply:
      return;
  }
}

void Router::forward_handshake(const rpc::RequestOrigin& origin, HandshakeMessage message,
                               const Address& to) {
  ++stats_.handshakes_relayed;
  node_.relay(origin, message.encode(), to);
}

void Router::on_holepunch(const rpc::IncomingRequest& request) {
  if (!request.value) return;
  const auto message = HolepunchMessage::decode(*request.value);
  if (!message) return;
  const rpc::RequestOrigin& origin = request.origin;
  HolepunchMessage out{.id = message->id, .payload = message->payload};
  switch (message->mode) {
    case Mode::kFromClient: {
      const auto relay = origin.target ? relay_for(*origin.target) : std::nullopt;
      const auto to = message->peer_address ? message->peer_address : relay;
      if (!to) return;
      out.mode = Mode::kFromRelay;
      out.peer_address = origin.from;
      ++stats_.holepunches_relayed;
      node_.relay(origin, out.encode(), *to);
      return;
    }
    case Mode::kFromRelay: {
      const auto server = origin.target ? servers_.find(*origin.target) : servers_.end();
      if (server == servers_.end() || !message->peer_address) return;
      server->second->on_holepunch(*message, origin);
      return;
    }
    case Mode::kFromServer: {
      out.mode = Mode::kReply;
      out.peer_address = origin.from;
      rpc::ReplyOptions options = rpc::kBareReply;
      options.to = message->peer_address;
      ++stats_.holepunches_relayed;
      node_.reply(origin, out.encode(), options);
      return;
    }
    case Mode::kFromSecondRelay:
    case Mode::kReply:
      return;
  }
}

void Router::answer_holepunch(const rpc::RequestOrigin& origin, const Address& peer_address,
                              Bytes payload, net::UdpSocket* socket) {
  const HolepunchMessage out{.mode = Mode::kFromServer,
                             .id = 0,
                             .payload = std::move(payload),
                             .peer_address = peer_address};
  node_.relay(origin, out.encode(), origin.from, socket);
}

}  // namespace hsfwd::hyperdht
