// SPDX-License-Identifier: Apache-2.0
// Targets and local addresses as people write them, with their paths resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "forward/reverse_forward.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

// `base` is where relative paths of unix sockets begin; empty: in the working directory. The errors
// are one clause for people.
Result<forward::Service, std::string> parse_service(std::string_view text,
                                                    const std::string& base = {});
Result<forward::LocalForward, std::string> parse_local_forward(std::string_view text,
                                                               const std::string& base = {});

/// As forward::ReverseForward::parse().
Result<forward::ReverseForward, std::string> parse_reverse_forward(std::string_view text,
                                                                   const std::string& base = {});

/// What may have been meant by `web:8080`, which is a host, not a name; empty for other targets.
std::string name_hint(const forward::Service& service);

// Who may connect to unix sockets that are listened on.
/// Octal permissions: "0660" or "660".
Result<std::uint32_t, std::string> parse_socket_mode(std::string_view text);
/// A name or a number.
Result<std::uint32_t, std::string> parse_socket_group(const std::string& text);
/// As docker's and nginx's sockets have it: naming a group is meant to let it in.
inline constexpr std::uint32_t kGroupSocketMode = 0660;

}  // namespace hsfwd::cli
