// SPDX-License-Identifier: Apache-2.0
// Packets to the host in the tunnel that answers for names: what it says is a whole packet with right checksums, back to
// the sender, not much longer than what was asked, and nobody answers it in turn.
//
//   input   packet
#include "fuzz/input.hpp"
#include "node/key_address.hpp"
#include "overlay/names.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

NameServer make_server(Random& random) {
  NameServer out({name_server_address()}, random);
  out.set_names({{.name = "home",
                  .key = to_z32(Bytes(32, 0x11)),
                  .ipv6 = *ip::Ipv6::parse("fdae:7d21:d73d::1:2"),
                  .ipv4 = ip::Ipv6::mapped(0x0af60102)}},
                {network_prefix(), *ip::Prefix::parse("10.240.0.0/12")});
  return out;
}

bool is_right(const ip::Packet& packet) {
  if (packet.protocol == ip::protocol::kIcmp) return ip_test::slow_checksum(packet.upper()) == 0;
  return ip_test::slow_upper_checksum(packet.addresses(), packet.protocol, packet.upper()) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = ip::Packet::parse({data, size});
  if (!packet) return 0;
  sim::SeededRandom random(7);
  NameServer server = make_server(random);
  Bytes room(NameServer::kRoom);
  const Bytes answer = to_bytes(server.answer(*packet, Instant(), room).packet);
  if (answer.empty()) return 0;
  const auto read = ip::Packet::parse(answer);
  HSFWD_CHECK(read.ok() && read->bytes.size() == answer.size() && is_right(*read));
  HSFWD_CHECK(read->source == packet->destination && read->destination == packet->source);
  HSFWD_CHECK(answer.size() <= packet->bytes.size() + 100);
  // Where the answer goes, there may be another of the kind.
  HSFWD_CHECK(make_server(random).answer(*read, Instant(), room).packet.empty() || read->is_udp());
  return 0;
}
