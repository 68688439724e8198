// SPDX-License-Identifier: Apache-2.0
// What a peer may send in, with packets that this host sends between them: nothing passes that no rule names, unless
// this host has sent to where it comes from, or it says what became of that.
//
//   input   rules u8 | steps: what u8 | packet, behind its length u16
#include <set>
#include <tuple>

#include "fuzz/input.hpp"
#include "overlay/filter.hpp"
#include "overlay/quote.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

using Texts = std::vector<std::string>;

const Texts& rules_of(std::uint8_t choice) {
  static const Texts kRules[] = {
      {"tcp:22"}, {"tcp:22", "udp:2000-3000", "icmp"}, {}, {"icmp"}, {"udp:*"}};
  return kRules[choice % std::size(kRules)];
}

/// Ours, theirs, protocol, our port or the echo, their port.
using Sent = std::tuple<ip::Ipv6, ip::Ipv6, int, int, int>;

struct Session {
  explicit Session(std::uint8_t choice) : rules(*PortRules::parse(rules_of(choice))) {
    HSFWD_CHECK(routes.add(ip::Prefix::around({}, 0), peer).ok());
    HSFWD_CHECK(routes.add(ip::Prefix::around_ipv4(0, 0), peer).ok());
    filter.set_rules(peer, rules);
  }

  void send(const ip::Packet& packet) {
    filter.note_outbound(peer, packet, now);
    const auto echo = echo_of(packet.protocol, packet.upper());
    if (packet.ports) {
      sent.emplace(packet.source, packet.destination, packet.protocol, packet.ports->source,
                   packet.ports->destination);
    } else if (echo && (!packet.fragment || packet.first_fragment)) {
      sent.emplace(packet.source, packet.destination, packet.protocol, echo->id, 0);
    }
  }
  bool was_sent(const ip::Packet& packet, int ours, int theirs) const {
    return sent.contains({packet.destination, packet.source, packet.protocol, ours, theirs});
  }
  void check_passed(const ip::Packet& packet) {
    if (is_error(packet)) {
      const auto quote = quote_of(packet);
      HSFWD_CHECK(quote && quote->source == packet.destination && !packet.fragment);
      return;
    }
    if (packet.fragment && !packet.first_fragment) {
      HSFWD_CHECK(begun.contains({packet.source, packet.destination, packet.fragment_id}));
      return;
    }
    if (packet.fragment) {
      begun.insert({packet.source, packet.destination, packet.fragment_id});
    }
    const auto echo = echo_of(packet.protocol, packet.upper());
    HSFWD_CHECK(packet.ports || echo);
    if (echo) {
      HSFWD_CHECK(echo->is_reply ? was_sent(packet, echo->id, 0) : rules.ping());
      return;
    }
    const bool tcp = packet.is_tcp();
    const auto traffic = tcp ? PortRule::Traffic::kTcp : PortRule::Traffic::kUdp;
    if (rules.port(traffic, packet.ports->destination)) return;
    HSFWD_CHECK(was_sent(packet, packet.ports->destination, packet.ports->source));
    const int flags = packet.tcp_flags & (ip::tcp_flag::kSyn | ip::tcp_flag::kAck);
    HSFWD_CHECK(!tcp || flags != ip::tcp_flag::kSyn);
  }
  void receive(const ip::Packet& packet) {
    const Verdict verdict = filter.judge_inbound(peer, packet, now);
    if (verdict == Verdict::kPass) check_passed(packet);
    // Another peer without rules owns nothing here, so that it may not speak of it.
    const Verdict other = filter.judge_inbound(stranger, packet, now);
    HSFWD_CHECK(other == (is_error(packet) ? Verdict::kError : Verdict::kPass));
  }

  const crypto::PublicKey peer = crypto::PublicKey::from(Bytes(32, 1));
  const crypto::PublicKey stranger = crypto::PublicKey::from(Bytes(32, 2));
  const PortRules rules;
  Routes routes;
  sim::SeededRandom random{1};
  Filter filter{routes, random};
  Instant now = Instant() + 1_h;
  std::set<Sent> sent;
  std::set<std::tuple<ip::Ipv6, ip::Ipv6, std::uint32_t>> begun;
};

/// Addresses and ports the other way round: what answers the packet.
Bytes turned(Bytes packet) {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t at = v4 ? 12 : 8;
  const std::size_t size = v4 ? 4 : 16;
  const auto parsed = ip::Packet::parse(packet);
  const std::size_t header = parsed->header_size;
  const bool ports = parsed->ports.has_value();
  std::swap_ranges(&packet[at], &packet[at] + size, &packet[at] + size);
  if (ports) std::swap_ranges(&packet[header], &packet[header] + 2, &packet[header] + 2);
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Session session(input.u8());
  while (!input.empty()) {
    const std::uint8_t what = input.u8();
    const ByteView chunk = input.chunk();
    auto packet = ip::Packet::parse(chunk);
    if (!packet) continue;
    const Bytes other = (what & 2) != 0 ? turned(to_bytes(packet->bytes)) : Bytes();
    if (!other.empty()) packet = ip::Packet::parse(other);
    HSFWD_CHECK(packet.ok());
    session.now = session.now + Duration::seconds(what >> 4);
    if ((what & 1) != 0) {
      session.send(*packet);
    } else {
      session.receive(*packet);
    }
  }
  return 0;
}
