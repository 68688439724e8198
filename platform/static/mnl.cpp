// SPDX-License-Identifier: Apache-2.0
// The functions of libmnl that netlink.cpp calls, as libmnl documents them: Debian has no archive of that library.
#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

std::byte* bytes_of(const void* at) {
  return static_cast<std::byte*>(const_cast<void*>(at));
}

}  // namespace

extern "C" {

nlmsghdr* mnl_nlmsg_put_header(void* buffer) {
  auto* message = static_cast<nlmsghdr*>(std::memset(buffer, 0, MNL_NLMSG_HDRLEN));
  message->nlmsg_len = MNL_NLMSG_HDRLEN;
  return message;
}

void* mnl_nlmsg_put_extra_header(nlmsghdr* message, std::size_t size) {
  void* const at = bytes_of(message) + message->nlmsg_len;
  message->nlmsg_len += static_cast<std::uint32_t>(MNL_ALIGN(size));
  return std::memset(at, 0, MNL_ALIGN(size));
}

bool mnl_nlmsg_ok(const nlmsghdr* message, int length) {
  return length >= static_cast<int>(sizeof(nlmsghdr)) && message->nlmsg_len >= sizeof(nlmsghdr) &&
         message->nlmsg_len <= static_cast<std::uint32_t>(length);
}

nlmsghdr* mnl_nlmsg_next(const nlmsghdr* message, int* length) {
  *length -= static_cast<int>(MNL_ALIGN(message->nlmsg_len));
  return reinterpret_cast<nlmsghdr*>(mnl_nlmsg_get_payload_tail(message));
}

void* mnl_nlmsg_get_payload(const nlmsghdr* message) {
  return bytes_of(message) + MNL_NLMSG_HDRLEN;
}

void* mnl_nlmsg_get_payload_offset(const nlmsghdr* message, std::size_t offset) {
  return bytes_of(message) + MNL_NLMSG_HDRLEN + MNL_ALIGN(offset);
}

std::size_t mnl_nlmsg_get_payload_len(const nlmsghdr* message) {
  return message->nlmsg_len - MNL_NLMSG_HDRLEN;
}

void* mnl_nlmsg_get_payload_tail(const nlmsghdr* message) {
  return bytes_of(message) + MNL_ALIGN(message->nlmsg_len);
}

void mnl_attr_put(nlmsghdr* message, std::uint16_t type, std::size_t length, const void* data) {
  auto* attribute = static_cast<nlattr*>(mnl_nlmsg_get_payload_tail(message));
  attribute->nla_type = type;
  attribute->nla_len = static_cast<std::uint16_t>(MNL_ATTR_HDRLEN + length);
  std::memcpy(mnl_attr_get_payload(attribute), data, length);
  std::memset(bytes_of(attribute) + attribute->nla_len, 0, MNL_ALIGN(length) - length);
  message->nlmsg_len += static_cast<std::uint32_t>(MNL_ALIGN(attribute->nla_len));
}

void mnl_attr_put_u8(nlmsghdr* message, std::uint16_t type, std::uint8_t data) {
  mnl_attr_put(message, type, sizeof(data), &data);
}

void mnl_attr_put_u32(nlmsghdr* message, std::uint16_t type, std::uint32_t data) {
  mnl_attr_put(message, type, sizeof(data), &data);
}

nlattr* mnl_attr_nest_start(nlmsghdr* message, std::uint16_t type) {
  auto* attribute = static_cast<nlattr*>(mnl_nlmsg_get_payload_tail(message));
  attribute->nla_type = static_cast<std::uint16_t>(NLA_F_NESTED | type);
  message->nlmsg_len += MNL_ATTR_HDRLEN;
  return attribute;
}

void mnl_attr_nest_end(nlmsghdr* message, nlattr* start) {
  start->nla_len =
      static_cast<std::uint16_t>(bytes_of(mnl_nlmsg_get_payload_tail(message)) - bytes_of(start));
}

bool mnl_attr_ok(const nlattr* attribute, int length) {
  return length >= static_cast<int>(sizeof(nlattr)) && attribute->nla_len >= sizeof(nlattr) &&
         static_cast<int>(attribute->nla_len) <= length;
}

nlattr* mnl_attr_next(const nlattr* attribute) {
  return reinterpret_cast<nlattr*>(bytes_of(attribute) + MNL_ALIGN(attribute->nla_len));
}

std::uint16_t mnl_attr_get_type(const nlattr* attribute) {
  return attribute->nla_type & NLA_TYPE_MASK;
}

std::uint16_t mnl_attr_get_payload_len(const nlattr* attribute) {
  return static_cast<std::uint16_t>(attribute->nla_len - MNL_ATTR_HDRLEN);
}

void* mnl_attr_get_payload(const nlattr* attribute) {
  return bytes_of(attribute) + MNL_ATTR_HDRLEN;
}

std::uint32_t mnl_attr_get_u32(const nlattr* attribute) {
  std::uint32_t value = 0;
  std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
  return value;
}

}  // extern "C"
