// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "hyperdht/nat/endpoint.hpp"
#include "hyperdht/nat/nat_probe.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// The socket from which a node's servers punch: one for all clients, classified before the first of
/// them comes, kept open in the NAT, and replaced when the NAT maps it anew.
///
/// Differs from upstream, which binds and classifies a socket for every handshake: a flood of those
/// costs no sockets here, and an honest one waits for no verdict.
class PunchSocket {
 public:
  explicit PunchSocket(const Context& context);
  ~PunchSocket();

  void cancel();

  bool ready() const { return socket_ && probe_->settled() && !probe_->nat().unknown(); }
  const std::shared_ptr<PoolSocket>& socket() const { return socket_; }
  const NatClassifier& nat() const { return probe_->nat(); }
  /// The network changed: whatever was known is not true any more.
  void renew();

 private:
  void on_keepalive();
  void ping_one(std::optional<net::Ipv4> not_near);
  void on_pong(const rpc::CallResult& result);

  const Context& context_;
  std::shared_ptr<PoolSocket> socket_;
  std::unique_ptr<NatProbe> probe_;
  rpc::Call ping_;
  int denials_ = 0;  // of the addresses, in a row
  Timer keepalive_timer_;
  Instant renewed_at_;
};

/// The punch socket of a node, while somebody wants one.
class SharedPunchSocket {
 public:
  explicit SharedPunchSocket(const Context& context) : context_(context) {}

  /// Nothing while none is wanted.
  const PunchSocket* get() const { return socket_.get(); }
  /// Opens one, or lets go of it later in this dispatch.
  void want(bool wanted);
  void renew();
  /// At once.
  void close() { socket_.reset(); }

 private:
  const Context& context_;
  std::unique_ptr<PunchSocket> socket_;
};

}  // namespace hsfwd::hyperdht
