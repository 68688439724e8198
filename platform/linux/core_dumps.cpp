// SPDX-License-Identifier: Apache-2.0
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string_view>

#include "platform/core_dumps.hpp"

namespace hsfwd::platform {

void forbid_core_dumps() {
  const char* wish = std::getenv("HSFWD_CORE_DUMPS");
  if (wish != nullptr && std::string_view(wish) == "1") return;
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  // The limit is not asked where the system hands the image to a program.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace hsfwd::platform
