// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_requests.hpp"

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

namespace {

int repeats_until_give_up(Duration pace) {
  int repeats = 0;
  for (Duration waited = pace; waited < PunchRequests::kGiveUp;
       waited = waited + pace * (1 << repeats)) {
    ++repeats;
  }
  return repeats;
}

}  // namespace

PunchRequests::PunchRequests(const Context& context, Holepuncher& puncher,
                             const rpc::Target& target, const crypto::Key32& key,
                             std::uint64_t session, const AttemptLog& log, Observer& observer)
    : context_(context),
      puncher_(puncher),
      target_(target),
      session_(session),
      log_(log),
      observer_(observer),
      secure_(key, context.env.random),
      requests_(context.env.scheduler) {}

void PunchRequests::send(const Way& way, HolepunchPayload payload, Duration pace) {
  payload.round = round_++;
  last_ = std::move(payload);
  send_too(way, pace);
}

void PunchRequests::send_too(const Way& way, Duration pace) {
  last_.token = way.prove ? std::optional(secure_.token(way.peer.host)) : std::nullopt;
  Request& request = requests_.emplace(
      Request{.call = nullptr, .way = way, .asks_to_punch = last_.punching, .token = last_.token});
  request.call = std::make_unique<rpc::Call>(
      context_.node.calls(),
      [this, &request](const rpc::CallResult& result) { on_result(request, result); });
  request.call->on_slow([this] { observer_.on_slow(); });
  rpc::RequestSpec spec;
  spec.to = way.relay;
  spec.command = Command::kPeerHolepunch;
  spec.target = target_;
  spec.value = HolepunchMessage{.mode = Mode::kFromClient,
                                .id = session_,
                                .payload = secure_.seal(last_),
                                .peer_address = way.peer}
                   .encode();
  spec.socket = &puncher_.socket();
  spec.urgent = true;
  spec.pace = pace;
  spec.retries = repeats_until_give_up(pace);
  request.call->start(std::move(spec));
}

void PunchRequests::tell(const Way& way, HolepunchPayload payload) {
  forget();
  send(way, std::move(payload), kGiveUp);
  forget();
}

void PunchRequests::forget() {
  requests_.retire_all();
}

/// The answer, if it is one: the relay may say what it likes.
std::optional<PunchRequests::Answer> PunchRequests::open(const Request& request,
                                                         const rpc::Reply& reply) const {
  if (!reply.message.value) return std::nullopt;
  const auto message = HolepunchMessage::decode(*reply.message.value);
  if (!message || message->mode != Mode::kReply) return std::nullopt;
  auto payload = secure_.open(message->payload);
  if (!payload) return std::nullopt;
  const bool echoed = request.token && payload->remote_token == request.token;
  return Answer{.payload = std::move(*payload),
                .to_ask = request.asks_to_punch,
                .own = reply.message.to,
                .relay = request.way.relay,
                .server = message->peer_address.value_or(request.way.relay),
                .proven = echoed ? std::optional(request.way.peer.host) : std::nullopt};
}

void PunchRequests::on_result(Request& request, const rpc::CallResult& result) {
  if (const auto answer = result ? open(request, *result) : std::nullopt) {
    forget();
    observer_.on_answer(*answer);
    return;
  }
  log_.note(AttemptStep::kPunch, "introducer {}: {}", request.way.relay.to_string(),
            result ? "an invalid answer" : "no answer");
  requests_.retire(request);
  if (requests_.empty()) observer_.on_unanswered(result.ok());
}

}  // namespace hsfwd::hyperdht
