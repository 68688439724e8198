// SPDX-License-Identifier: Apache-2.0
#include "overlay/name_forwarder.hpp"

#include <algorithm>
#include <utility>

#include "ip/header.hpp"
#include "ip/network_order.hpp"
#include "ip/reply.hpp"
#include "overlay/quote.hpp"
#include "resolver/protocol.hpp"
#include "resolver/query.hpp"
#include "util/text.hpp"

namespace hsfwd::overlay {

namespace {

// The dynamic ones (RFC 6335 section 6), most of which Linux gives to programs as well: an answer is ours by its server
// and its id besides.
constexpr std::uint16_t kFirstPort = 49152;
constexpr std::uint32_t kPorts = 65536 - kFirstPort;
constexpr int kAttempts = 4;
constexpr std::uint8_t kServerFailure = 2;  // SERVFAIL

std::uint32_t number_of(std::uint16_t port, std::uint16_t id) {
  return std::uint32_t{port} << 16 | id;
}

/// Of a datagram of DNS; nothing if it is too short for one.
ByteView message_in(const ip::Packet& packet) {
  const ByteView payload = packet.payload();
  const std::size_t size = ip::load_be16(&packet.upper()[4]);
  const std::size_t bytes =
      size < ip::kUdpHeaderSize ? 0 : std::min(size - ip::kUdpHeaderSize, payload.size());
  return bytes < resolver::kHeaderSize ? ByteView() : payload.first(bytes);
}

/// Of a query that makes sense.
Bytes head_of(ByteView message) {
  const ByteView question = resolver::Query::parse(message)->question;
  Bytes out(message.begin(), message.begin() + resolver::kHeaderSize);
  append(out, question);
  return out;
}

/// What the host takes that gets to it whole: pieces of a datagram are not known to belong to an answer.
void limit_answer(MutableBytes message, std::size_t head) {
  // Of an OPT (RFC 6891 section 6.1.2), which is all that may stand behind the question.
  constexpr std::size_t kSizeAt = 3;
  if (message.size() < head + kSizeAt + 2 || message[head] != 0) return;
  if (ip::load_be16(&message[head + 1]) != resolver::kTypeOpt) return;
  std::uint8_t* const size = &message[head + kSizeAt];
  constexpr auto kMost = static_cast<std::uint16_t>(NameForwarder::kMaxQuestion);
  ip::store_be16(size, std::min(ip::load_be16(size), kMost));
}

/// Whether an answer repeats the question. Case is the server's own; of an error the question may be missing.
bool is_about(ByteView answer, ByteView head) {
  const ByteView question = head.subspan(resolver::kHeaderSize);
  const ByteView rest = answer.subspan(resolver::kHeaderSize);
  if (ip::load_be16(&answer[4]) == 0) return true;
  return rest.size() >= question.size() &&
         std::equal(question.begin(), question.end(), rest.begin(), [](auto x, auto y) {
           return lower(static_cast<char>(x)) == lower(static_cast<char>(y));
         });
}

/// A message of no records that answers the question.
Bytes empty_answer(ByteView head, std::uint8_t flags, std::uint8_t code) {
  Bytes out(head.begin(), head.end());
  out[2] = static_cast<std::uint8_t>(resolver::kResponse | flags |
                                     (head[2] & resolver::kRecursionDesired));
  out[3] = static_cast<std::uint8_t>(resolver::kRecursionAvailable | code);
  ip::store_be16(&out[10], 0);  // EDNS
  return out;
}

}  // namespace

void NameForwarder::set_servers(std::vector<ip::Ipv6> servers, std::vector<ip::Ipv6> own) {
  servers_ = std::move(servers);
  own_ = std::move(own);
  current_ = 0;
  unanswered_.reset();
  waiting_.clear();
  order_.clear();
}

void NameForwarder::forget_old(Instant now) {
  while (!order_.empty() && order_.front().first < now) forget_oldest();
}

/// Which may have been answered.
void NameForwarder::forget_oldest() {
  const auto [until, number] = order_.front();
  order_.pop_front();
  const auto found = waiting_.find(number);
  if (found != waiting_.end() && found->second.until == until) waiting_.erase(found);
}

void NameForwarder::choose_server(Instant now) {
  if (unanswered_ && now - *unanswered_ >= kTryNext) {
    current_ = (current_ + 1) % servers_.size();
    unanswered_.reset();
  }
  if (!unanswered_) unanswered_ = now;
}

std::optional<NameForwarder::Number> NameForwarder::free_number() {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto port = static_cast<std::uint16_t>(kFirstPort + random_.below(kPorts));
    const Number number = number_of(port, static_cast<std::uint16_t>(random_.u32()));
    if (!waiting_.contains(number)) return number;
  }
  return std::nullopt;
}

MutableBytes NameForwarder::ask(const ip::Packet& query, ByteView message, Instant now,
                                MutableBytes room) {
  forget_old(now);
  if (servers_.empty() || message.size() > kMaxQuestion || query.ports->source == 0) return {};
  choose_server(now);
  const ip::Ipv6 server = servers_[current_];
  const auto from = std::find_if(own_.begin(), own_.end(), [&](const ip::Ipv6& host) {
    return host.is_mapped() == server.is_mapped();
  });
  const auto number = free_number();
  if (from == own_.end() || !number) return {};
  const std::size_t size = ip::kUdpHeaderSize + message.size();
  const MutableBytes out =
      ip::write_header({.from = *from, .to = server, .protocol = ip::protocol::kUdp}, size, room);
  const MutableBytes udp = out.last(size);
  ip::store_be16(&udp[0], static_cast<std::uint16_t>(*number >> 16));
  ip::store_be16(&udp[2], resolver::kPort);
  ip::store_be16(&udp[4], static_cast<std::uint16_t>(size));
  copy_bytes(message, udp.subspan(ip::kUdpHeaderSize));
  ip::store_be16(&udp[ip::kUdpHeaderSize], static_cast<std::uint16_t>(*number));
  limit_answer(udp.subspan(ip::kUdpHeaderSize), head_of(message).size());
  ip::write_checksum(out, ip::kUdpChecksumAt);
  const Instant until = now + kPatience;
  Question question{.about = query, .head = head_of(message), .server = server, .until = until};
  question.about.bytes = {};
  // A program that asks what nobody answers takes no place from those who ask later.
  while (waiting_.size() >= kMaxWaiting) forget_oldest();
  waiting_.emplace(*number, std::move(question));
  order_.emplace_back(until, *number);
  return out;
}

std::optional<NameForwarder::Question> NameForwarder::take(const ip::Ipv6& server,
                                                           std::uint16_t port, ByteView message) {
  const auto found = waiting_.find(number_of(port, ip::load_be16(message.data())));
  if (found == waiting_.end() || found->second.server != server) return std::nullopt;
  if (!is_about(message, found->second.head)) return std::nullopt;
  Question out = std::move(found->second);
  waiting_.erase(found);
  return out;
}

MutableBytes NameForwarder::tell(const Question& question, ByteView message, MutableBytes room) {
  const std::size_t most = room.size() - ip::kIpv6HeaderSize - ip::kUdpHeaderSize;
  if (message.size() > most) {
    return ip::udp_reply(question.about,
                         empty_answer(question.head, resolver::kTruncated, message[3] & 0xf), room);
  }
  Bytes answer(message.begin(), message.end());
  copy_bytes(ByteView(question.head).first(2), answer);
  return ip::udp_reply(question.about, answer, room);
}

MutableBytes NameForwarder::tell_failure(const Question& question, MutableBytes room) {
  return ip::udp_reply(question.about, empty_answer(question.head, 0, kServerFailure), room);
}

/// Of which question it is the error's quote does not say, where it is short: its port is.
std::optional<MutableBytes> NameForwarder::refused(const ip::Packet& error, Instant now,
                                                   MutableBytes room) {
  const auto quote = quote_of(error);
  if (!quote || !quote->ports || quote->protocol != ip::protocol::kUdp) return std::nullopt;
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
    return entry.first >> 16 == quote->ports->source && entry.second.server == quote->destination &&
           is_own(quote->source);
  });
  if (found == waiting_.end()) return std::nullopt;
  const Question question = std::move(found->second);
  waiting_.erase(found);
  return question.until < now ? MutableBytes() : tell_failure(question, room);
}

bool NameForwarder::is_own(const ip::Ipv6& host) const {
  return std::find(own_.begin(), own_.end(), host) != own_.end();
}

std::optional<MutableBytes> NameForwarder::answer(const ip::Packet& packet, Instant now,
                                                  MutableBytes room) {
  if (waiting_.empty()) return std::nullopt;
  if (is_error(packet)) return refused(packet, now, room);
  if (!packet.is_udp() || packet.fragment || packet.ports->source != resolver::kPort) {
    return std::nullopt;
  }
  const ByteView message = message_in(packet);
  if (message.empty() || (message[2] & resolver::kResponse) == 0) return std::nullopt;
  const auto question = take(packet.source, packet.ports->destination, message);
  if (!question) return std::nullopt;
  if (question->until < now) return MutableBytes();
  unanswered_.reset();
  return tell(*question, message, room);
}

std::optional<MutableBytes> NameForwarder::undeliverable(const ip::Packet& packet, Instant now,
                                                         MutableBytes room) {
  if (waiting_.empty() || !packet.is_udp() || packet.fragment ||
      packet.ports->destination != resolver::kPort) {
    return std::nullopt;
  }
  const ByteView message = message_in(packet);
  if (message.empty()) return std::nullopt;
  const auto question = take(packet.destination, packet.ports->source, message);
  if (!question) return std::nullopt;
  if (question->until < now) return MutableBytes();
  return tell_failure(*question, room);
}

}  // namespace hsfwd::overlay
