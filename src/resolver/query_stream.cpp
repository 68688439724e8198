// SPDX-License-Identifier: Apache-2.0
#include "resolver/query_stream.hpp"

#include <algorithm>

namespace hsfwd::resolver {

namespace {
constexpr std::size_t kLengthSize = 2;

void put_length(Bytes& out, std::size_t length) {
  out.push_back(static_cast<std::uint8_t>(length >> 8));
  out.push_back(static_cast<std::uint8_t>(length));
}
}  // namespace

std::optional<Bytes> QueryStream::feed(ByteView bytes) {
  Bytes out;
  for (;;) {
    std::size_t wanted = kLengthSize;
    if (begun_.size() >= kLengthSize) {
      wanted += static_cast<std::size_t>(begun_[0] << 8 | begun_[1]);
      if (wanted > kLengthSize + kMaxQuery) return std::nullopt;
    }
    const std::size_t more = std::min(wanted - begun_.size(), bytes.size());
    append(begun_, bytes.first(more));
    bytes = bytes.subspan(more);
    if (begun_.size() < wanted) return out;
    if (wanted == kLengthSize && (begun_[0] | begun_[1]) != 0) continue;
    const Bytes answer = responder_.answer(ByteView(begun_).subspan(kLengthSize));
    if (answer.empty()) return std::nullopt;
    put_length(out, answer.size());
    append(out, answer);
    begun_.clear();
  }
}

}  // namespace hsfwd::resolver
