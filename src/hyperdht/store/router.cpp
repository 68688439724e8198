// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/store/router.hpp"

#include <optional>

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kForwardBytes = 2 * 1024 * 1024;
constexpr Duration kMaxAge = 20_min;
// Datagrams to a host that a stranger names and that has announced nothing here: another relay of a
// client that knows it, or a server whose NAT shows it under several addresses.
constexpr TokenRate kNamed{.per_second = 8, .capacity = 32};
constexpr std::size_t kNamedHosts = 1024;
// Bytes that a server answers through one relay of its own: a thousand clients a second and more.
constexpr TokenRate kAnsweredRelay{.per_second = 512 * 1024, .capacity = 2 * 1024 * 1024};
constexpr std::size_t kAnsweredRelays = 1024;
}  // namespace

Router::Router(rpc::Node& node)
    : node_(node),
      forwards_(node.env().scheduler, kForwardBytes, kMaxAge, SeededHash{node.env().random.u64()}),
      clients_(node.env().random.u64()),
      named_(kNamed, kNamedHosts, node.env().random.u64()),
      answered_relays_(kAnsweredRelay, kAnsweredRelays, node.env().random.u64()) {}

void Router::add_server(const rpc::Target& target, RoutedServer& server) {
  servers_[target] = &server;
}

void Router::remove_server(const rpc::Target& target, const RoutedServer& server) {
  const auto found = servers_.find(target);
  if (found != servers_.end() && found->second == &server) servers_.erase(found);
}

bool Router::set_forward(const rpc::Target& target, const Address& relay, Bytes record) {
  if (has_server(target)) return true;
  const std::size_t size = record.size();
  return forwards_.set(target, {relay, std::move(record)}, relay.host, size);
}

void Router::remove_forward(const rpc::Target& target) {
  forwards_.erase(target);
}

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
      answer_relay(origin, out.encode(), origin.from, answer.socket);
      return;
    case Mode::kFromSecondRelay:
      if (!message.relay_address || !may_name(*message.relay_address)) return;
      out.mode = Mode::kFromServer;
      out.peer_address = message.peer_address;
      answer_relay(origin, out.encode(), *message.relay_address, answer.socket);
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
    case Mode::kFromClient:
      if (!message.relay_address && !relay) {
        // The client looks in the wrong place: help it on.
        node_.reply(origin, std::nullopt, {.token = false});
        return;
      }
      out.mode = Mode::kFromRelay;
      out.peer_address = origin.from;
      ++stats_.handshakes_relayed;
      pass_on(origin, out.encode(), relay, message.relay_address);
      return;
    case Mode::kFromRelay:
      if (!relay) return;
      out.mode = Mode::kFromSecondRelay;
      out.peer_address = message.peer_address;
      out.relay_address = origin.from;
      ++stats_.handshakes_relayed;
      node_.relay(origin, out.encode(), *relay);
      return;
    case Mode::kFromServer:
      if (!message.peer_address) return;
      out.mode = Mode::kReply;
      out.peer_address = origin.from;
      ++stats_.handshakes_relayed;
      pass_back(origin, out.encode(), *message.peer_address);
      return;
    case Mode::kFromSecondRelay:
    case Mode::kReply:
      return;
  }
}

/// From a client to the server that announced itself here, or where the client wants it to go.
void Router::pass_on(const rpc::RequestOrigin& origin, ByteView message,
                     const std::optional<Address>& announced, const std::optional<Address>& named) {
  const bool known = !named || (announced && announced->host == named->host);
  if (!known && !may_name(*named)) return;
  clients_.note(origin.from, node_.env().now());
  node_.relay(origin, message, named ? *named : *announced);
}

/// From a server to a client that has asked.
void Router::pass_back(const rpc::RequestOrigin& origin, ByteView message, const Address& client) {
  if (!clients_.take_answer(client, node_.env().now())) {
    ++stats_.refused;
    return;
  }
  rpc::ReplyOptions options = rpc::kBareReply;
  options.to = client;
  node_.reply(origin, message, options);
}

bool Router::may_name(const Address& address) {
  if (named_.try_take(address.host.value, node_.env().now(), 1)) return true;
  ++stats_.refused;
  return false;
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
      if (!message->peer_address && !relay) return;
      out.mode = Mode::kFromRelay;
      out.peer_address = origin.from;
      ++stats_.holepunches_relayed;
      pass_on(origin, out.encode(), relay, message->peer_address);
      return;
    }
    case Mode::kFromRelay: {
      const auto server = origin.target ? servers_.find(*origin.target) : servers_.end();
      if (server == servers_.end() || !message->peer_address) return;
      server->second->on_holepunch(*message, origin);
      return;
    }
    case Mode::kFromServer:
      out.mode = Mode::kReply;
      out.peer_address = origin.from;
      ++stats_.holepunches_relayed;
      pass_back(origin, out.encode(), message->peer_address.value_or(origin.from));
      return;
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
  answer_relay(origin, out.encode(), origin.from, socket);
}

/// Many clients come by one relay, which has a large budget of its own if the server has chosen it.
void Router::answer_relay(const rpc::RequestOrigin& origin, const Bytes& message,
                          const Address& relay, net::UdpSocket* socket) {
  const auto server = origin.target ? servers_.find(*origin.target) : servers_.end();
  if (server == servers_.end() || !server->second->is_relay(origin.from)) {
    node_.relay(origin, message, relay, socket);
    return;
  }
  const auto bytes = static_cast<double>(message.size() + rpc::kUdpOverhead);
  if (answered_relays_.try_take(origin.from.host.value, node_.env().now(), bytes)) {
    node_.relay(origin, message, relay, socket, rpc::Node::Payer::kNobody);
  } else {
    ++stats_.refused;
  }
}

void Router::collect(MetricSink& sink) const {
  const char* name = "hsfwd_introductions";
  const char* help = "Messages passed on between clients and servers";
  sink.counter(name, help, stats_.handshakes_relayed, {{"of", "handshake"}});
  sink.counter(name, help, stats_.holepunches_relayed, {{"of", "holepunch"}});
  sink.counter("hsfwd_introductions_refused",
               "Not passed on: nobody had asked, or too much for one address", stats_.refused);
}

}  // namespace hsfwd::hyperdht
