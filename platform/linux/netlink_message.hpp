// SPDX-License-Identifier: Apache-2.0
// How a message of the kernel is read: its head, and the attributes behind it.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>

#include "util/bytes.hpp"

namespace hsfwd::platform {

// What a kernel puts into one part of a long answer at most (NLMSG_GOODSIZE grows up to it).
inline constexpr std::size_t kNetlinkAnswer = 32 * 1024;

/// The head behind the message's own, if the message is of the kind and has one.
template <class Head>
const Head* head_of(const nlmsghdr& message, std::uint16_t type) {
  if (message.nlmsg_type != type || mnl_nlmsg_get_payload_len(&message) < sizeof(Head)) {
    return nullptr;
  }
  return static_cast<const Head*>(mnl_nlmsg_get_payload(&message));
}

template <class Visit>
void each_attribute(const nlmsghdr& message, std::size_t offset, Visit visit) {
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, offset));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    visit(*attribute);
    attribute = mnl_attr_next(attribute);
  }
}

inline ByteView payload_of(const nlattr& attribute) {
  return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute)),
          mnl_attr_get_payload_len(&attribute)};
}

/// 0 if it is none.
inline std::uint32_t number_of(const nlattr& attribute) {
  return payload_of(attribute).size() == 4 ? mnl_attr_get_u32(&attribute) : 0;
}

}  // namespace hsfwd::platform
