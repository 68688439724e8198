// SPDX-License-Identifier: Apache-2.0
#include "rpc/admission.hpp"

#include <algorithm>

namespace hsfwd::rpc {

namespace {
constexpr std::size_t kMaxFactor = 3;       // RFC 9000, 8.1
constexpr std::size_t kMaxUnproven = 1024;  // bytes on the wire
constexpr std::size_t kHostBuckets = 4096;  // of 24 bytes
constexpr std::size_t kNetworkBuckets = 1024;
constexpr Duration kQuestionExpiry = 10_s;  // clients give up after 4 to 8 s

bool is_local(const net::Address& address) {
  return net::is_private(address.host);
}

std::uint64_t network_key(const net::Address& to) {
  return to.host.value >> 8;
}
}  // namespace

std::size_t max_unproven_answer(std::size_t question) {
  return std::min(kMaxFactor * (question + kUdpOverhead), kMaxUnproven) - kUdpOverhead;
}

SendBudget::SendBudget(const net::Env& env, const TokenRate& host, const TokenRate& network)
    : env_(env),
      hosts_(host, kHostBuckets, env.random.u64()),
      networks_(network, kNetworkBuckets, env.random.u64()) {}

bool SendBudget::left_for(const net::Address& to) {
  const Instant now = env_.now();
  if (hosts_.level(net::payer_of(to), now) <= 0) return false;
  return is_local(to) || networks_.level(network_key(to), now) > 0;
}

void SendBudget::spend(const net::Address& to, std::size_t bytes) {
  const auto tokens = static_cast<double>(bytes + kUdpOverhead);
  hosts_.take(net::payer_of(to), env_.now(), tokens);
  if (!is_local(to)) networks_.take(network_key(to), env_.now(), tokens);
}

ReturnChecks::ReturnChecks(const net::Env& env) : env_(env) {
  env_.random.fill(secret_.mutable_view());
}

/// The same for each repeat of a question, so that repeats take one place; nobody else knows it.
std::uint16_t ReturnChecks::ping_for(const RequestOrigin& origin) const {
  std::array<std::uint8_t, 8> text{};
  store_le32(text.data(), origin.from.host.value);
  store_le16(text.data() + 4, origin.from.port);
  store_le16(text.data() + 6, origin.tid);
  return load_le16(crypto::blake2b_256_keyed(secret_.view(), {ByteView(text)}).data());
}

std::optional<std::uint16_t> ReturnChecks::begin(const IncomingRequest& request) {
  const ByteView value = request.value.value_or(ByteView());
  if (value.size() > kMaxValue) return std::nullopt;
  if (questions_.empty()) questions_.resize(kQuestions);
  const RequestOrigin& origin = request.origin;
  const std::uint16_t ping = ping_for(origin);
  Question& question = place(ping);
  const Instant now = env_.now();
  const bool repeat = question.used && question.ping == ping &&
                      question.request.origin.from == origin.from &&
                      now - question.last < kQuestionExpiry;
  const int pings = repeat ? question.pings : 0;
  question.used = pings < kPings;
  if (!question.used) return std::nullopt;
  question.ping = ping;
  question.pings = pings + 1;
  question.last = now;
  question.request = request;
  question.has_value = request.value.has_value();
  question.value_size = value.size();
  std::copy(value.begin(), value.end(), question.value.begin());
  question.request.value.reset();
  return ping;
}

void ReturnChecks::forget_socket(const net::UdpSocket& socket) {
  for (Question& question : questions_) {
    if (question.request.origin.socket == &socket) question.used = false;
  }
}

}  // namespace hsfwd::rpc
