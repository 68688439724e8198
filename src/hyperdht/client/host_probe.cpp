// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/host_probe.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

HostProbe::HostProbe(PathRace& race, const Context& context, const rpc::Target& peer,
                     const Bytes& first_message, const PeerAnswer& answer, bool local_connection,
                     const AttemptLog& log)
    : race_(race),
      context_(context),
      peer_(peer),
      first_message_(first_message),
      answer_(answer),
      local_connection_(local_connection),
      log_(log) {}

// Both sides have the same public address.
bool HostProbe::same_network() const {
  return answer_.client_address.host == answer_.server_address.host;
}

/// One that is ours is another home's behind the same carrier, and we would be the one to answer there.
std::optional<Address> HostProbe::lan_candidate() const {
  const std::vector<Address> ours = context_.addresses.all_local();
  const bool peer_is_here = context_.router.has_server(peer_);
  std::vector<Address> theirs;
  for (const Address& address : answer_.payload.addresses4) {
    const bool own = std::find(ours.begin(), ours.end(), address) != ours.end();
    if (!net::is_reserved(address.host) && (!own || peer_is_here)) theirs.push_back(address);
  }
  if (theirs.empty()) return std::nullopt;
  return match_lan_address(ours, theirs).value_or(theirs.front());
}

/// No NAT stands before an interface whose address is the one that the world sees.
std::optional<Address> HostProbe::public_candidate() const {
  const net::Ipv4 host = answer_.server_address.host;
  const auto& addresses = answer_.payload.addresses4;
  const auto found = std::find_if(addresses.begin(), addresses.end(), [&](const Address& address) {
    return address.host == host && address.port != 0 && !net::is_bogon(host);
  });
  return found != addresses.end() ? std::optional(*found) : std::nullopt;
}

bool HostProbe::start() {
  if (same_network() && !local_connection_) return false;
  const auto candidate = same_network() ? lan_candidate() : public_candidate();
  if (!candidate) return false;
  address_ = *candidate;
  log_.note(
      step(), "{}: trying it at {}",
      same_network() ? "behind the same address as the peer" : "the peer has a public address",
      address_.to_string());
  call_ = std::make_unique<rpc::Call>(context_.node.calls(),
                                      [this](const rpc::CallResult& result) { on_result(result); });
  ask();
  return true;
}

void HostProbe::on_result(const rpc::CallResult& result) {
  if (!is_peer(result)) {
    log_.note(step(), "{} {}", result ? "somebody else is at" : "no answer from",
              address_.to_string());
    race_.lost(*this);
  } else if (same_network()) {
    race_.won({context_.node.server_socket(), address_, PathKind::kLan});
  } else {
    race_.won({context_.node.sending_socket(), address_, PathKind::kDirect});
  }
}

AttemptStep HostProbe::step() const {
  return same_network() ? AttemptStep::kLan : AttemptStep::kDirect;
}

void HostProbe::cancel() {
  if (call_) call_->cancel();
}

void HostProbe::ask() {
  rpc::RequestSpec spec;
  spec.to = address_;
  spec.pace = answer_.rtt;  // by way of the relay, which is longer
  if (same_network()) {
    spec.command = Command::kPeerHandshake;
    spec.target = peer_;
    spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = first_message_}.encode();
  } else {
    spec.command = rpc::InternalCommand::kPing;
  }
  call_->start(std::move(spec));
}

bool HostProbe::is_peer(const rpc::CallResult& result) const {
  if (!result) return false;
  if (!same_network()) return true;
  const auto message = result->message.value ? HandshakeMessage::decode(*result->message.value)
                                             : Err(Errc::kMalformed);
  return message && message->mode == Mode::kReply && !message->peer_address &&
         message->noise == answer_.noise;
}

}  // namespace hsfwd::hyperdht
