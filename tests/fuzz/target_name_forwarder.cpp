// SPDX-License-Identifier: Apache-2.0
// What comes from a peer in place of answers to the host's questions about names: whatever the host is told is one whole datagram with
// a right checksum, to who has asked, and no larger than every link carries.
//
//   input   message of DNS, from the server that was asked. Its id is made right if there is room for one, and if the first byte is even the
//           question is put behind its header
#include "fuzz/input.hpp"
#include "ip/reply.hpp"
#include "overlay/name_forwarder.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

const Bytes kQuestion = {0,   7,   1,   0, 0,   1,   0,   0,   0,   0, 0, 0,  4, 'h',
                         'o', 'm', 'e', 5, 'h', 's', 'f', 'w', 'x', 0, 0, 28, 0, 1};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1400) return 0;
  sim::SeededRandom random(7);
  NameForwarder forwarder(random);
  forwarder.set_servers({*ip::Ipv6::parse("2620:fe::fe")}, {*ip::Ipv6::parse("fd00::1")});
  const Bytes asked =
      ip_test::Fields{
          .v6 = true, .protocol = ip::protocol::kUdp, .destination_port = 53, .payload = kQuestion}
          .build();
  const auto host = ip::Packet::parse(asked);
  Bytes room(1280);
  const Bytes question = to_bytes(forwarder.ask(*host, kQuestion, Instant(), room));
  const auto passed_on = ip::Packet::parse(question);
  Bytes message(data, data + size);
  if (size >= 12 && data[0] % 2 == 0) {
    message.insert(message.begin() + 12, kQuestion.begin() + 12, kQuestion.end());
  }
  if (size >= 2) copy_bytes(passed_on->payload().first(2), message);
  Bytes packet_room(2048);
  const Bytes packet = to_bytes(ip::udp_reply(*passed_on, message, packet_room));
  const auto told = forwarder.answer(*ip::Packet::parse(packet), Instant(), room);
  if (!told || told->empty()) return 0;
  const auto reply = ip::Packet::parse(*told);
  HSFWD_CHECK(reply.ok() && reply->bytes.size() == told->size() && told->size() <= room.size());
  HSFWD_CHECK(reply->source == host->destination && reply->destination == host->source);
  HSFWD_CHECK(reply->ports->destination == host->ports->source);
  HSFWD_CHECK(equal(reply->payload().first(2), ByteView(kQuestion).first(2)));
  HSFWD_CHECK(ip_test::slow_upper_checksum(reply->addresses(), reply->protocol, reply->upper()) ==
              0);
  return 0;
}
