// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "hyperdht/nat/context.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

class Server;

/// The servers of a node that listen. Together they have one socket to punch from, as long as one
/// of them is there and the node is not open.
class Servers {
 public:
  explicit Servers(const Context& context) : context_(context) {}

  void add(Server& server) { servers_.push_back(&server); }
  void remove(Server& server);
  bool empty() const { return servers_.empty(); }

  /// The node is bootstrapped: all may announce.
  void start_soon();
  /// The network changed: all announce again soon.
  void refresh();
  void prepare_punch_socket();
  /// Each with its key for a label.
  void collect(MetricSink& sink) const;

 private:
  const Context& context_;
  std::vector<Server*> servers_;
};

}  // namespace hsfwd::hyperdht
