// SPDX-License-Identifier: Apache-2.0
#include "forward/acceptor.hpp"

#include <utility>

namespace hsfwd::forward {

Acceptor::Acceptor(net::StreamFactory& streams, Accepted accepted)
    : streams_(streams), accepted_(std::move(accepted)) {}

Result<void, std::string> Acceptor::listen(const net::StreamAddress& at) {
  auto listener = streams_.listen(at, accepted_);
  if (!listener) return Err(listener.error());
  listener_ = std::move(*listener);
  return {};
}

}  // namespace hsfwd::forward
