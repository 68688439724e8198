// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/servers.hpp"

#include "hyperdht/nat/punch_socket.hpp"
#include "hyperdht/server/server.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

void Servers::remove(Server& server) {
  std::erase(servers_, &server);
  if (servers_.empty()) context_.punch_socket.want(false);
}

void Servers::start_soon() {
  for (Server* server : servers_) server->start_soon();
}

void Servers::refresh() {
  for (Server* server : servers_) server->refresh();
}

void Servers::prepare_punch_socket() {
  context_.punch_socket.want(!servers_.empty() && context_.node.bootstrapped() &&
                             context_.node.firewalled());
}

void Servers::collect(MetricSink& sink) const {
  for (const Server* server : servers_) {
    LabellingSink labelled(sink, {{"server", key_text(server->public_key())}});
    server->collect(labelled);
  }
}

}  // namespace hsfwd::hyperdht
