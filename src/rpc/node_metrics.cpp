// SPDX-License-Identifier: Apache-2.0
#include "rpc/node.hpp"
#include "util/metrics.hpp"

namespace hsfwd::rpc {

void Calls::collect(MetricSink& sink) const {
  sink.counter("hsfwd_dht_requests", "Requests sent to other nodes, without repeats", stats_.sent);
  sink.counter("hsfwd_dht_repeats", "Requests sent once more", stats_.repeats);
  sink.counter("hsfwd_dht_responses", "Requests that were answered", stats_.responses);
  sink.counter("hsfwd_dht_timeouts", "Requests that nobody answered", stats_.timeouts);
  sink.counter("hsfwd_dht_stray_responses", "Answers to nothing that was still waited for",
               stats_.stray_responses);
}

void Node::collect(MetricSink& sink) const {
  calls_.collect(sink);
  const char* name = "hsfwd_dht_not_answered";
  const char* help = "Requests of others that were dropped, or answered with less";
  sink.counter(name, help, admission_stats_.over_budget, {{"reason", "over_budget"}});
  sink.counter(name, help, admission_stats_.over_pong_budget, {{"reason", "over_pong_budget"}});
  sink.counter(name, help, admission_stats_.not_forwarded, {{"reason", "not_forwarded"}});
  sink.counter("hsfwd_dht_return_checks", "Pings to see whether a request came from its address",
               admission_stats_.return_checks);
  sink.gauge("hsfwd_dht_nodes", "Other nodes in the routing table", table_.size());
  sink.gauge("hsfwd_dht_online", "1: other nodes answer", health().online() ? 1 : 0);
  sink.gauge("hsfwd_dht_persistent", "1: a full member of the DHT", ephemeral() ? 0 : 1);
  sink.gauge("hsfwd_dht_firewalled", "1: nothing gets in unasked", firewalled() ? 1 : 0);
}

}  // namespace hsfwd::rpc
