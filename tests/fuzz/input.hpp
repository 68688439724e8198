// SPDX-License-Identifier: Apache-2.0
// Takes decisions and bytes off a fuzzer's input; what is missing at its end reads as zero.
#pragma once

#include <algorithm>
#include <string>

#include "util/bytes.hpp"
#include "util/check.hpp"

namespace hsfwd::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  explicit Input(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }

  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint16_t u16() {
    const std::uint8_t low = u8();
    return static_cast<std::uint16_t>(low | u8() << 8);
  }
  ByteView take(std::size_t size) {
    const ByteView out = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }
  /// Bytes behind their length; the form in which transcripts hold datagrams.
  ByteView chunk() { return take(u16()); }

 private:
  ByteView rest_;
};

/// Of a message that decodes: what is encoded from it decodes again and encodes to the same.
template <class Message>
void check_round_trip(ByteView bytes) {
  const auto first = Message::decode(bytes);
  if (!first) return;
  const Bytes encoded = first->encode();
  const auto second = Message::decode(encoded);
  HSFWD_CHECK(second.ok());
  HSFWD_CHECK(second->encode() == encoded);
}

/// Text for people about a mistake: something, on one line.
inline void check_one_line(const std::string& text) {
  HSFWD_CHECK(!text.empty() && text.find('\n') == std::string::npos);
}

}  // namespace hsfwd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
