// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/stream_keys.hpp"

#include <fmt/format.h>

#include <string>

namespace hsfwd::hyperdht {

StreamKeys StreamKeys::derive(const noise::Session& handshake, std::uint64_t number) {
  const std::string label = fmt::format("hsfwd stream {}", number);
  const crypto::Key32 of_initiator = handshake.derive(label + " initiator");
  const crypto::Key32 of_responder = handshake.derive(label + " responder");
  const crypto::Key32 ids = handshake.derive(label + " ids");
  const bool first = handshake.initiator;
  StreamKeys out;
  out.session.tx = first ? of_initiator : of_responder;
  out.session.rx = first ? of_responder : of_initiator;
  // Tells the two headers apart, and those of other streams; it keeps nothing secret.
  copy_bytes(ids.view(), out.session.hash.mutable_view());
  out.session.remote = handshake.remote;
  out.session.initiator = first;
  const udx::StreamId id_of_initiator{load_le32(ids.view().data())};
  const udx::StreamId id_of_responder{load_le32(ids.view().data() + 4)};
  out.local = first ? id_of_initiator : id_of_responder;
  out.remote = first ? id_of_responder : id_of_initiator;
  return out;
}

}  // namespace hsfwd::hyperdht
