// SPDX-License-Identifier: Apache-2.0
// A broken invariant is a bug of ours: the process stops at once, with the place it happened.
// Never for input from the network or the user.
#pragma once

namespace hsfwd {

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace hsfwd

#define HSFWD_CHECK(expression)                               \
  do {                                                        \
    if (!(expression)) [[unlikely]]                           \
      ::hsfwd::check_failed(#expression, __FILE__, __LINE__); \
  } while (false)
