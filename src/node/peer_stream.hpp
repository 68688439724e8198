// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "net/byte_stream.hpp"
#include "node/peer_info.hpp"

namespace hsfwd {

/// A connection to a peer, encrypted end to end, as a stream with back-pressure both ways: what pipes
/// are made of. Its observer's on_reset may come instead of on_open; info() then has the error.
/// Destroying it is a reset.
class PeerStream : public net::BufferedByteStream {
 public:
  virtual PeerInfo info() const = 0;
  virtual const PublicKey& remote_key() const = 0;

  /// Called once: keys are agreed on and bytes move. Streams that a server hands over are open.
  virtual void set_on_open(std::function<void()> on_open) = 0;
  /// Called when the connection has moved to another kind of path, with nothing lost.
  virtual void set_on_path_changed(std::function<void()> on_path_changed) = 0;
  /// Calls `done` with the time until the peer has acknowledged a small message, repeats included;
  /// not at all if the connection ends before. One at a time: a further one replaces the one under
  /// way.
  virtual void ping(std::function<void(Duration)> done) = 0;

  /// One message beside the stream: may be lost, duplicated or reordered. Of at most max_message()
  /// bytes.
  virtual void send_message(ByteView message) = 0;
  virtual std::size_t max_message() const = 0;
  /// Called for each message from the peer, whose bytes end with the call.
  virtual void set_on_message(std::function<void(ByteView)> on_message) = 0;

  /// Gives up at once, and calls nobody any more. For retiring it from inside one of its own
  /// callbacks.
  virtual void cancel() = 0;
};

}  // namespace hsfwd
