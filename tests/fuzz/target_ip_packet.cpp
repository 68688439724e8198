// SPDX-License-Identifier: Apache-2.0
// IP packets from the device and from peers: what the parser says lies in the packet, the size that TCP agrees on
// is lowered with the checksum, and answers are packets that are not answered.
//
//   input   MTU u16 | packet
#include "fuzz/input.hpp"
#include "ip/icmp.hpp"
#include "ip/mss.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;

namespace {

std::uint16_t sum_of(const ip::Packet& packet) {
  return ip_test::slow_upper_checksum(packet.addresses(), packet.protocol, packet.upper());
}

void check_parsed(const ip::Packet& packet, ByteView bytes) {
  HSFWD_CHECK(packet.bytes.data() == bytes.data() && packet.bytes.size() <= bytes.size());
  HSFWD_CHECK(packet.headers_size() <= packet.bytes.size());
  const bool ipv4 = packet.family() == ip::Family::kIpv4;
  HSFWD_CHECK(packet.source.is_mapped() == ipv4 && packet.destination.is_mapped() == ipv4);
  HSFWD_CHECK(packet.ports.has_value() == (packet.transport_size != 0));
  HSFWD_CHECK(packet.fragment || !packet.first_fragment);
  const auto again = ip::Packet::parse(packet.bytes);
  HSFWD_CHECK(again.ok() && again->bytes.size() == packet.bytes.size());
}

void check_clamp(const ip::Packet& packet, std::size_t mtu) {
  Bytes bytes = to_bytes(packet.bytes);
  const auto copy = ip::Packet::parse(bytes);
  const std::uint16_t before = sum_of(*copy);
  const bool changed = ip::clamp_mss(*copy, bytes, mtu);
  HSFWD_CHECK(changed || equal(bytes, packet.bytes));
  // Right as before, or wrong as before.
  HSFWD_CHECK((before == 0 || before == 0xffff) == (sum_of(*copy) == 0 || sum_of(*copy) == 0xffff));
  HSFWD_CHECK(!ip::clamp_mss(*copy, bytes, mtu));
}

void check_answer(const ip::Packet& about, ByteView answer) {
  if (answer.empty()) return;
  const auto packet = ip::Packet::parse(answer);
  HSFWD_CHECK(packet.ok() && packet->bytes.size() == answer.size());
  HSFWD_CHECK(answer.size() <= ip::kMaxIcmpSize && packet->destination == about.source);
  Bytes room(ip::kMaxIcmpSize);
  HSFWD_CHECK(ip::packet_too_big(*packet, 1, about.source, room).empty());
  HSFWD_CHECK(ip::unreachable(*packet, ip::Unreachable::kNoRoute, about.source, room).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t mtu = input.u16();
  const auto packet = ip::Packet::parse(input.rest());
  if (!packet) return 0;
  check_parsed(*packet, input.rest());
  check_clamp(*packet, mtu);
  Bytes room(ip::kMaxIcmpSize);
  ip::Ipv6 from = packet->destination;
  from.bytes[15] ^= 1;
  check_answer(*packet, ip::packet_too_big(*packet, mtu, from, room));
  check_answer(*packet, ip::unreachable(*packet, ip::Unreachable::kProhibited, from, room));
  return 0;
}
