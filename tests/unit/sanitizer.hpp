// SPDX-License-Identifier: Apache-2.0
// What is different for a test under a sanitizer: each step costs ten times as much, and memory that was freed
// stays.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define HSFWD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define HSFWD_SANITIZED 1
#endif
#endif

namespace hsfwd {

#if defined(HSFWD_SANITIZED)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

inline constexpr bool kMemoryCanBeMeasured = !kSanitized;

/// How many of something that comes in floods: all of them, or the tenth in which a sanitizer sees the same code.
/// What is checked of them has to hold for either.
constexpr int flood(int count) {
  return kSanitized ? count / 10 : count;
}

}  // namespace hsfwd
