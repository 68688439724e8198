// SPDX-License-Identifier: Apache-2.0
// Numbers of DNS (RFC 1035 sections 3.2 and 4.1.1, RFC 3596, RFC 6891), as far as they are used here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hsfwd::resolver {

inline constexpr std::uint16_t kPort = 53;
inline constexpr std::size_t kHeaderSize = 12;

// Of the third byte of the header.
inline constexpr std::uint8_t kResponse = 0x80;
inline constexpr std::uint8_t kOpcode = 0x78;  // 0: query
inline constexpr std::uint8_t kAuthoritative = 0x04;
inline constexpr std::uint8_t kTruncated = 0x02;
inline constexpr std::uint8_t kRecursionDesired = 0x01;
// Of the fourth.
inline constexpr std::uint8_t kRecursionAvailable = 0x80;
inline constexpr std::uint8_t kCheckingDisabled = 0x10;

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kNameError = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,
};

// Types are an open list: queries have others.
inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeSoa = 6;
inline constexpr std::uint16_t kTypePtr = 12;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeOpt = 41;

inline constexpr std::uint16_t kClassInternet = 1;

}  // namespace hsfwd::resolver
