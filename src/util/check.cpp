// SPDX-License-Identifier: Apache-2.0
#include "util/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace hsfwd {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "hsfwd: internal error: %s does not hold (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace hsfwd
