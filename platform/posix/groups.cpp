// SPDX-License-Identifier: Apache-2.0
#include "platform/groups.hpp"

#include <grp.h>

#include "util/text.hpp"

namespace hsfwd::platform {

std::optional<std::uint32_t> find_group(const std::string& text) {
  // The largest number means "leave it as it is".
  if (const auto number = parse_decimal(text, 0xffff'fffe)) {
    return static_cast<std::uint32_t>(*number);
  }
  const group* found = getgrnam(text.c_str());
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

}  // namespace hsfwd::platform
