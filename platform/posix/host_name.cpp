// SPDX-License-Identifier: Apache-2.0
#include "platform/host_name.hpp"

#include <unistd.h>

#include <array>

namespace hsfwd::platform {

std::string host_name() {
  std::array<char, 256> name{};  // more than there are, so that the last one stays a zero
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace hsfwd::platform
