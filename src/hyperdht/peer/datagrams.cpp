// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/datagrams.hpp"

#include <utility>

#include "hyperdht/wire/extension.hpp"

namespace hsfwd::hyperdht {

using secret_stream::Packets;
using secret_stream::Unordered;

Datagrams::Datagrams(const noise::Session& session, Random& random, bool hsfwd,
                     std::uint64_t features)
    : hsfwd_(hsfwd) {
  const bool secret = (features & Extension::kSecretKeys) != 0;
  if (secret && (features & Extension::kPackets) != 0) {
    packets_.emplace(session);
  } else {
    messages_.emplace(session, random,
                      secret ? Unordered::Keys::kOfSecret : Unordered::Keys::kOfHash);
  }
}

std::size_t Datagrams::overhead() const {
  return packets_ ? Packets::kOverhead : Unordered::kOverhead;
}

std::optional<ByteView> Datagrams::seal(ByteView message) {
  return seal(Channel::kMessages, message);
}

std::optional<ByteView> Datagrams::seal(const Farewell& farewell) {
  return packets_ ? seal(Channel::kControl, farewell.encode())
                  : seal(Channel::kMessages, farewell.as_message());
}

std::optional<ByteView> Datagrams::seal(const SizeProbe& probe, std::size_t size) {
  return seal(Channel::kControl, probe.encode(size));
}

std::optional<MutableBytes> Datagrams::seal_in_place(Channel channel, MutableBytes payload) {
  const MutableBytes packet(payload.data() - Packets::kHeadroom,
                            Packets::kOverhead + payload.size());
  if (!packets_->seal(channel, packet)) return std::nullopt;
  return packet;
}

std::optional<ByteView> Datagrams::seal(Channel channel, ByteView payload) {
  if (messages_) {
    auto sealed = messages_->seal(payload);
    if (!sealed) return std::nullopt;
    sealed_ = std::move(*sealed);
    return sealed_;
  }
  const std::size_t size = Packets::kOverhead + payload.size();
  if (sealed_.size() < size) sealed_.resize(size);
  const MutableBytes packet = MutableBytes(sealed_).first(size);
  copy_bytes(payload, packet.subspan(Packets::kHeadroom, payload.size()));
  if (!packets_->seal(channel, packet)) return std::nullopt;
  return packet;
}

Result<Datagrams::Opened> Datagrams::open(MutableBytes datagram) {
  if (packets_) {
    const auto opened = packets_->open_in_place(datagram);
    if (!opened) return Err(opened.error());
    return Opened{opened->channel, opened->payload};
  }
  auto opened = messages_->open(datagram);
  if (!opened) return Err(opened.error());
  opened_ = std::move(*opened);
  if (const auto control = hsfwd_ ? Farewell::in_message(opened_) : std::nullopt) {
    return Opened{Channel::kControl, MutableBytes(opened_).last(control->size())};
  }
  return Opened{Channel::kMessages, opened_};
}

}  // namespace hsfwd::hyperdht
