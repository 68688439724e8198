// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/relay/blind_relay.hpp"

#include <limits>

namespace hsfwd::hyperdht {

namespace {

constexpr std::uint8_t kInitiatorFlag = 1;

/// A bit field of one byte, or of a longer form whose first byte of value is the one that counts.
std::uint8_t read_flags(codec::Reader& reader) {
  const std::uint8_t first = reader.u8();
  const std::size_t size = first < 0xfd ? 0 : std::size_t{2} << (first - 0xfd);
  if (size == 0) return first;
  const ByteView value = reader.raw(size);
  return reader.ok() ? value[0] : 0;
}

}  // namespace

Bytes PairMessage::encode() const {
  return codec::encode([&](codec::Writer& w) {
    w.u8(initiator ? kInitiatorFlag : 0);
    w.fixed(token);
    w.uint(id.value);
    w.uint(seq);
  });
}

Result<PairMessage> PairMessage::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  PairMessage out;
  out.initiator = (read_flags(reader) & kInitiatorFlag) != 0;
  out.token = reader.fixed<RelayToken>();
  const std::uint64_t id = reader.uint();
  out.seq = reader.uint();
  if (!reader.ok() || id > std::numeric_limits<std::uint32_t>::max()) {
    return Err(Errc::kMalformed);
  }
  out.id = {static_cast<std::uint32_t>(id)};
  return out;
}

Bytes UnpairMessage::encode() const {
  return codec::encode([&](codec::Writer& w) {
    w.u8(0);
    w.fixed(token);
  });
}

Result<UnpairMessage> UnpairMessage::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  read_flags(reader);
  UnpairMessage out{.token = reader.fixed<RelayToken>()};
  if (!reader.ok()) return Err(Errc::kMalformed);
  return out;
}

}  // namespace hsfwd::hyperdht
