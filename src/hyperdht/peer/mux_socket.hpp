// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hyperdht/peer/peer_socket.hpp"
#include "secret_stream/protomux.hpp"

namespace hsfwd::hyperdht {

/// A connection that speaks Protomux. There is no half-open: when the peer ends, so does this side.
class MuxSocket final : private net::ByteStreamObserver {
 public:
  /// `on_over` comes once, when the connection is gone or broken, with all channels closed; not
  /// after close(). It may come from inside a channel's event, so this object goes through
  /// Scheduler::delete_later.
  MuxSocket(std::unique_ptr<PeerSocket> socket, std::function<void()> on_over);
  ~MuxSocket() override;

  PeerSocket& socket() { return *socket_; }
  secret_stream::Protomux& mux() { return mux_; }

  /// Ends the connection in order, or within a few seconds in any case; `on_over` follows.
  void end();
  /// Ends it at once, without `on_over`.
  void close();

 private:
  void on_readable() override;
  void on_writable() override;
  void on_reset(const std::string&) override { over(); }
  void over();

  std::unique_ptr<PeerSocket> socket_;
  std::function<void()> on_over_;
  secret_stream::Protomux mux_;
  Timer end_timer_;
};

}  // namespace hsfwd::hyperdht
