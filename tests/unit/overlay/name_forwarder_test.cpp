// SPDX-License-Identifier: Apache-2.0
#include "overlay/name_forwarder.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "ip/icmp.hpp"
#include "ip/reply.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;
using ip_test::Fields;

namespace {

const ip::Ipv6 kFirst = *ip::Ipv6::parse("2620:fe::fe");
const ip::Ipv6 kThen = *ip::Ipv6::parse("::ffff:9.9.9.9");
const ip::Ipv6 kOwn = *ip::Ipv6::parse("fd00::77");
const ip::Ipv6 kOwnV4 = *ip::Ipv6::parse("::ffff:10.246.0.7");

// www.example, A, with an EDNS record that takes 1232 bytes.
const Bytes kAsk = {0x12, 0x34, 1, 0,   0,   1,    0,   0,   0,   0,   0, 1, 3, 'w',
                    'w',  'w',  7, 'e', 'x', 'a',  'm', 'p', 'l', 'e', 0, 0, 1, 0,
                    1,    0,    0, 41,  4,   0xd0, 0,   0,   0,   0,   0, 0};
constexpr std::size_t kHead = 29;  // header and question

struct Forwarding {
  Forwarding() { forwarder.set_servers({kFirst, kThen}, {kOwn, kOwnV4}); }

  Bytes ask(const Bytes& message = kAsk, std::uint16_t from_port = 4000) {
    const Bytes packet = Fields{.v6 = true,
                                .protocol = ip::protocol::kUdp,
                                .source_port = from_port,
                                .destination_port = 53,
                                .payload = message}
                             .build();
    Bytes room(1280);
    return to_bytes(forwarder.ask(*ip::Packet::parse(packet), message, now, room));
  }
  /// What a server says to a question that came to it; nothing that the host hears: nothing.
  std::optional<Bytes> answer(const Bytes& question, Bytes message, bool with_its_id = true) {
    const auto asked = ip::Packet::parse(question);
    if (with_its_id) copy_bytes(asked->payload().first(2), message);
    Bytes room(2048);
    const Bytes packet = to_bytes(ip::udp_reply(*asked, message, room));
    return heard(packet);
  }
  std::optional<Bytes> heard(const Bytes& packet) {
    Bytes room(1280);
    const auto told = forwarder.answer(*ip::Packet::parse(packet), now, room);
    return told ? std::optional(to_bytes(*told)) : std::nullopt;
  }

  sim::SeededRandom random{11};
  NameForwarder forwarder{random};
  Instant now = Instant() + 1_h;
};

Bytes answered(std::size_t more = 0) {
  Bytes out = kAsk;
  out[2] = 0x81;
  out[3] = 0x80;
  out.resize(out.size() + more, 0x55);
  return out;
}
ByteView message_of(const Bytes& packet) {
  return ip::Packet::parse(packet)->payload();
}

}  // namespace

TEST_CASE("a question goes to the server as the host's, and its answer back under the host's id") {
  Forwarding f;
  const Bytes question = f.ask();
  const auto packet = ip::Packet::parse(question);
  REQUIRE(packet.ok());
  CHECK(packet->source == kOwn);
  CHECK(packet->destination == kFirst);
  CHECK(packet->ports->destination == 53);
  CHECK(packet->ports->source >= 49152);
  CHECK(ip_test::slow_upper_checksum(packet->addresses(), packet->protocol, packet->upper()) == 0);
  CHECK(equal(packet->payload().subspan(2), ByteView(kAsk).subspan(2)));
  const auto told = f.answer(question, answered());
  REQUIRE(told);
  const auto reply = ip::Packet::parse(*told);
  CHECK(reply->ports->source == 53);
  CHECK(reply->ports->destination == 4000);
  CHECK(ip_test::slow_upper_checksum(reply->addresses(), reply->protocol, reply->upper()) == 0);
  CHECK(to_bytes(reply->payload()) == answered());
  CHECK_FALSE(f.answer(question, answered()));
  CHECK(f.forwarder.waiting() == 0);
}

TEST_CASE("only the server that was asked answers, only that question, and only in time") {
  Forwarding f;
  const Bytes question = f.ask();
  Bytes message = answered();
  CHECK_FALSE(f.answer(question, message, false));
  message[14] = 'v';
  CHECK_FALSE(f.answer(question, message));
  CHECK_FALSE(f.answer(question, kAsk));  // a question itself
  CHECK_FALSE(f.answer(question, Bytes(11, 0x80)));
  CHECK_FALSE(f.answer(question, to_bytes(ByteView(answered()).first(20))));
  // From another server, and to another port.
  Bytes elsewhere = question;
  elsewhere[24 + 15] = 0xfd;
  CHECK_FALSE(f.answer(elsewhere, answered()));
  elsewhere = question;
  elsewhere[41] = static_cast<std::uint8_t>(elsewhere[41] + 1);
  CHECK_FALSE(f.answer(elsewhere, answered()));
  CHECK(f.forwarder.waiting() == 1);
  f.now = f.now + NameForwarder::kPatience + 1_ms;
  CHECK(f.answer(question, answered()) == Bytes());
}

TEST_CASE("an answer in other letters is one, as is an error without the question") {
  Forwarding f;
  Bytes message = answered();
  message[13] = 'W';
  CHECK(f.answer(f.ask(), message));
  Bytes error = answered();
  error.resize(12);
  error[3] = 0x81;
  error[5] = 0;
  CHECK(f.answer(f.ask(), error));
}

TEST_CASE("an answer that is too large for the host is truncated, and says so") {
  Forwarding f;
  const std::size_t most = 1280 - 48;
  CHECK(message_of(*f.answer(f.ask(), answered(most - kAsk.size()))).size() == most);
  const Bytes told = *f.answer(f.ask(), answered(most - kAsk.size() + 1));
  const ByteView message = message_of(told);
  CHECK(message.size() == kHead);
  CHECK((message[2] & 0x82) == 0x82);
  CHECK(to_bytes(message.first(2)) == Bytes{0x12, 0x34});
  CHECK(to_bytes(message.subspan(4, 8)) == Bytes{0, 1, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("a server without an answer is left for the next, in turns, by addresses of its family") {
  Forwarding f;
  const auto server = [&] { return ip::Packet::parse(f.ask())->destination; };
  CHECK(server() == kFirst);
  f.now = f.now + 1_s;
  CHECK(server() == kFirst);
  f.now = f.now + 1_s;
  const Bytes question = f.ask();
  CHECK(ip::Packet::parse(question)->destination == kThen);
  CHECK(ip::Packet::parse(question)->source == kOwnV4);
  REQUIRE(f.answer(question, answered()));
  f.now = f.now + 1_h;
  CHECK(server() == kThen);
  f.now = f.now + 2_s;
  CHECK(server() == kFirst);
  f.forwarder.set_servers({kThen}, {kOwn});
  CHECK(f.ask().empty());
}

TEST_CASE("questions that wait are so many at most, and are forgotten in time") {
  Forwarding f;
  for (std::size_t i = 0; i < NameForwarder::kMaxWaiting; ++i) REQUIRE_FALSE(f.ask().empty());
  const Bytes later = f.ask();
  CHECK(f.forwarder.waiting() == NameForwarder::kMaxWaiting);
  CHECK(f.answer(later, answered()));
  f.now = f.now + NameForwarder::kPatience + 1_ms;
  CHECK_FALSE(f.ask().empty());
  CHECK(f.forwarder.waiting() == 1);
  CHECK(f.ask(kAsk, 0).empty());
  Bytes large = kAsk;
  large.resize(NameForwarder::kMaxQuestion + 1);
  CHECK(f.ask(large).empty());
}

TEST_CASE(
    "an ICMP error about a question is the server's failure, and one about anything else is not") {
  Forwarding f;
  const auto error_about = [](const Bytes& packet) {
    Bytes room(ip::kMaxIcmpSize);
    const auto parsed = ip::Packet::parse(packet);
    return to_bytes(ip::unreachable(*parsed, ip::Unreachable::kPort, parsed->destination, room));
  };
  const Bytes question = f.ask();
  Bytes other = question;
  other[40] = static_cast<std::uint8_t>(other[40] ^ 1);
  CHECK_FALSE(f.heard(error_about(other)));
  const auto told = f.heard(error_about(question));
  REQUIRE(told);
  CHECK((ip::Packet::parse(*told)->payload()[3] & 0xf) == 2);
  CHECK(f.forwarder.waiting() == 0);
}

TEST_CASE("a server is not asked for more than gets to the host in one piece") {
  Forwarding f;
  Bytes message = kAsk;
  message[kHead + 3] = 0x10;
  CHECK(message_of(f.ask(message))[kHead + 3] == 4);
  message[kHead + 3] = 2;
  CHECK(message_of(f.ask(message))[kHead + 3] == 2);
}

TEST_CASE("a question that does not get to its server has failed at once") {
  Forwarding f;
  const Bytes question = f.ask();
  Bytes room(1280);
  const auto told = f.forwarder.undeliverable(*ip::Packet::parse(question), f.now, room);
  REQUIRE(told);
  const ByteView message = ip::Packet::parse(*told)->payload();
  CHECK(message.size() == kHead);
  CHECK((message[2] & 0x80) != 0);
  CHECK((message[3] & 0xf) == 2);
  CHECK_FALSE(f.forwarder.undeliverable(*ip::Packet::parse(question), f.now, room));
}

TEST_CASE("what comes in place of answers does no harm") {
  Forwarding f;
  sim::SeededRandom random(12);
  int told = 0;
  for (int i = 0; i < flood(50000); ++i) {
    if (i % 50 == 0) f.now = f.now + 1_s;
    Bytes packet = f.ask();
    if (packet.empty()) continue;
    Bytes room(2048);
    Bytes message = answered();
    copy_bytes(message_of(packet).first(2), message);
    packet = to_bytes(ip::udp_reply(*ip::Packet::parse(packet), message, room));
    for (std::uint32_t changes = random.below(4); changes > 0; --changes) {
      packet[random.below(static_cast<std::uint32_t>(packet.size()))] =
          static_cast<std::uint8_t>(random.u32());
    }
    const auto parsed = ip::Packet::parse(packet);
    if (!parsed) continue;
    Bytes reply_room(1280);
    const auto reply = f.forwarder.answer(*parsed, f.now, reply_room);
    if (!reply || reply->empty()) continue;
    ++told;
    REQUIRE(ip::Packet::parse(*reply).ok());
    REQUIRE(f.forwarder.waiting() <= NameForwarder::kMaxWaiting);
  }
  CHECK(told > 0);
}
