// SPDX-License-Identifier: Apache-2.0
// A request that came in, as those who answer it see it.
#pragma once

#include <optional>

#include "net/udp.hpp"
#include "rpc/message.hpp"

namespace hsfwd::rpc {

/// What is needed to answer a request later, when its datagram is gone.
struct RequestOrigin {
  net::UdpSocket* socket = nullptr;
  net::Address from;
  net::Address to;  // us, as the sender sees us
  std::uint16_t tid = 0;
  CommandCode command;
  std::optional<Target> target;
  std::size_t size = 0;  // of the datagram
  bool proven = false;   // the sender is at `from`, or was there seconds ago
  bool by_pong = false;  // that is so, but it may be another who has asked
};

struct IncomingRequest {
  RequestOrigin origin;
  std::optional<NodeId> from_id;
  std::optional<Token> token;  // verified
  std::optional<ByteView> value;
};

}  // namespace hsfwd::rpc
