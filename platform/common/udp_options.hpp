// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "platform/loop.hpp"

namespace hsfwd::platform {

// Bytes. Bursts of a fast sender must fit while this process is busy elsewhere.
inline constexpr int kUdpSendBuffer = 2 * 1024 * 1024;
inline constexpr int kUdpReceiveBuffer = 4 * 1024 * 1024;

/// The factory every system has, over libuv's own UDP handles.
std::unique_ptr<net::UdpFactory> make_plain_udp_factory(Loop& loop);
/// HSFWD_UDP=plain in the environment: to compare, and to test it where it is not the default.
bool plain_udp_wanted();

}  // namespace hsfwd::platform
