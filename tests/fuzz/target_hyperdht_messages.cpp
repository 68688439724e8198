// SPDX-License-Identifier: Apache-2.0
// Bodies of requests and answers of HyperDHT.
#include "crypto/crypto.hpp"
#include "fuzz/input.hpp"
#include "hyperdht/relay/blind_relay.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "hyperdht/wire/messages.hpp"
#include "hyperdht/wire/signatures.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

void check_lookup_reply(ByteView bytes) {
  const auto reply = LookupReply::decode(bytes);
  if (!reply) return;
  std::vector<Bytes> records;
  for (const PeerRecord& peer : reply->peers) records.push_back(peer.encode());
  const Bytes encoded = LookupReply::encode(records, reply->bump);
  const auto again = LookupReply::decode(encoded);
  HSFWD_CHECK(again.ok() && again->peers.size() == records.size() && again->bump == reply->bump);
}

/// Nobody has the keys, so nothing verifies.
void check_signatures(ByteView bytes) {
  const crypto::Hash32 token = crypto::blake2b_256(as_bytes("token"));
  const auto target = rpc::target_of(crypto::blake2b_256(bytes));
  const auto id = rpc::node_id_of({net::Ipv4::of(203, 0, 114, 7), 49737});
  const auto announce = AnnounceMessage::decode(bytes);
  if (announce) {
    HSFWD_CHECK(!verify_announce(Command::kAnnounce, target, id, rpc::Token::from(token.view()),
                                 *announce));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const ByteView bytes(data, size);
  fuzz::check_round_trip<HandshakeMessage>(bytes);
  fuzz::check_round_trip<HolepunchMessage>(bytes);
  fuzz::check_round_trip<PeerRecord>(bytes);
  fuzz::check_round_trip<AnnounceMessage>(bytes);
  fuzz::check_round_trip<MutableValue>(bytes);
  fuzz::check_round_trip<MutablePut>(bytes);
  fuzz::check_round_trip<PluginRequest>(bytes);
  fuzz::check_round_trip<KeyAddress>(bytes);
  fuzz::check_round_trip<PairMessage>(bytes);
  fuzz::check_round_trip<UnpairMessage>(bytes);
  check_lookup_reply(bytes);
  check_signatures(bytes);
  return 0;
}
