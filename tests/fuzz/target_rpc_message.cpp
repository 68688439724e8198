// SPDX-License-Identifier: Apache-2.0
// The two datagrams of dht-rpc.
#include "fuzz/input.hpp"
#include "rpc/message.hpp"

using namespace hsfwd;

namespace {

template <class Decode>
void check(ByteView datagram, Decode decode) {
  const auto first = decode(datagram);
  if (!first) return;
  const Bytes encoded = first->encode();
  const auto second = decode(encoded);
  HSFWD_CHECK(second.ok() && second->encode() == encoded);
  const net::Address claimed{net::Ipv4::of(203, 0, 114, 7), 49737};
  const auto id = rpc::verified_id(second->id, claimed);
  HSFWD_CHECK(!id || *id == rpc::node_id_of(claimed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView datagram(data, size);
  check(datagram, rpc::decode_request);
  check(datagram, rpc::decode_response);
  const auto kind = rpc::message_kind(datagram);
  HSFWD_CHECK(kind == rpc::MessageKind::kRequest || !rpc::decode_request(datagram));
  HSFWD_CHECK(kind == rpc::MessageKind::kResponse || !rpc::decode_response(datagram));
  return 0;
}
