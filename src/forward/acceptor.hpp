// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/stream_factory.hpp"

namespace hsfwd::forward {

/// Takes local clients at one address and hands each on as it came. Where a client is to be led may
/// be known from the beginning or be the first thing that it asks for: nothing is dialled here.
class Acceptor {
 public:
  using Accepted = net::StreamFactory::Accepted;

  Acceptor(net::StreamFactory& streams, Accepted accepted);

  /// The error is one clause for people.
  Result<void, std::string> listen(const net::StreamAddress& at);
  /// Takes no more. It may listen again.
  void close() { listener_.reset(); }
  bool listening() const { return listener_ != nullptr; }
  /// Where it listens, while it does.
  net::StreamAddress address() const { return listener_->address(); }

 private:
  net::StreamFactory& streams_;
  const Accepted accepted_;
  std::unique_ptr<net::StreamListener> listener_;
};

}  // namespace hsfwd::forward
