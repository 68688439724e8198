// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/packet_parts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "util/check.hpp"

namespace hsfwd::hyperdht {

namespace {

/// What a part of its own has ahead and behind, its header included.
constexpr std::size_t kAhead = udx::kHeaderSize + secret_stream::Packets::kHeadroom + kPartHeader;
constexpr std::size_t kBehind =
    secret_stream::Packets::kOverhead - secret_stream::Packets::kHeadroom;

// The first part makes way ahead, the second behind, until there is room between them for the one's end and
// the other's beginning.
constexpr std::size_t kShiftOfSecond = net::kTunnelTailroom - kBehind;
constexpr std::size_t kShiftOfFirst = kAhead + kBehind - kShiftOfSecond;
static_assert(kShiftOfFirst + kAhead <= kHeadroomOfParts &&
              kHeadroomOfParts <= net::kTunnelHeadroom);

// A first part stands here, and a second one so that any first part has room ahead of it.
constexpr std::size_t kFirstAt = net::kTunnelWriteHeadroom;
constexpr std::size_t kSecondAt = kFirstAt + PacketParts::kMaxPart;
constexpr std::size_t kRoom = kSecondAt + PacketParts::kMaxPart;

MutableBytes with_header(MutableBytes part, std::uint16_t id, std::uint8_t number) {
  std::uint8_t* const begin = part.data() - kPartHeader;
  store_le16(begin, id);
  begin[2] = number;
  return {begin, kPartHeader + part.size()};
}

}  // namespace

std::array<MutableBytes, 2> cut_in_two(MutableBytes packet, std::uint16_t id) {
  // Of one size where that can be, so that they leave as segments of one send.
  const std::size_t first_size = (packet.size() + 1) / 2;
  const MutableBytes first(packet.data() - kShiftOfFirst, first_size);
  const MutableBytes second(packet.data() + first_size + kShiftOfSecond,
                            packet.size() - first_size);
  std::memmove(first.data(), packet.data(), first.size());
  std::memmove(second.data(), packet.data() + first_size, second.size());
  return {with_header(first, id, 0), with_header(second, id, 1)};
}

PacketParts::Added PacketParts::add(ByteView part, Instant now) {
  HSFWD_CHECK(!full());
  Added out{.whole = std::nullopt, .dropped = drop_old(now)};
  if (part.size() <= kPartHeader || part.size() > kPartHeader + kMaxPart || part[2] > 1) {
    ++out.dropped;
    return out;
  }
  const std::uint16_t id = load_le16(part.data());
  const bool second = part[2] == 1;
  const ByteView bytes = part.subspan(kPartHeader);
  Half* half = find(id);
  if (half != nullptr && half->second != second) {
    out.whole = join(*half, bytes);
    return out;
  }
  if (half != nullptr) {
    // Its id has come round: nobody will send the other half.
    ++out.dropped;
  } else {
    half = &take_place(out.dropped);
  }
  // Allocates before anything says that it is there.
  half->used = false;
  half->room.resize(kRoom);
  copy_bytes(bytes, MutableBytes(half->room).subspan(second ? kSecondAt : kFirstAt));
  half->id = id;
  half->second = second;
  half->size = bytes.size();
  half->came_at = now;
  half->used = true;
  return out;
}

MutableBytes PacketParts::join(Half& half, ByteView other) {
  half.used = false;
  // The bytes stay where they are while others come for the place.
  Bytes& room = done_[whole_++];
  std::swap(room, half.room);
  const std::size_t begin = half.second ? kSecondAt - other.size() : kFirstAt;
  copy_bytes(other, MutableBytes(room).subspan(half.second ? begin : kFirstAt + half.size));
  return MutableBytes(room).subspan(begin, half.size + other.size());
}

PacketParts::Half* PacketParts::find(std::uint16_t id) {
  const auto found = std::find_if(halves_.begin(), halves_.end(),
                                  [&](const Half& half) { return half.used && half.id == id; });
  return found == halves_.end() ? nullptr : &*found;
}

/// A free one, or that of the oldest.
PacketParts::Half& PacketParts::take_place(std::size_t& dropped) {
  const auto less = [](const Half& a, const Half& b) {
    return a.used != b.used ? b.used : a.used && a.came_at < b.came_at;
  };
  Half& place = *std::min_element(halves_.begin(), halves_.end(), less);
  if (place.used) ++dropped;
  return place;
}

std::size_t PacketParts::drop_old(Instant now) {
  std::size_t dropped = 0;
  for (Half& half : halves_) {
    if (!half.used || now - half.came_at < kMaxWait) continue;
    half.used = false;
    ++dropped;
  }
  return dropped;
}

std::size_t PacketParts::halves() const {
  return static_cast<std::size_t>(
      std::count_if(halves_.begin(), halves_.end(), [](const Half& half) { return half.used; }));
}

std::size_t PacketParts::memory() const {
  std::size_t bytes = 0;
  for (const Half& half : halves_) bytes += half.room.size();
  for (const Bytes& room : done_) bytes += room.size();
  return bytes;
}

}  // namespace hsfwd::hyperdht
