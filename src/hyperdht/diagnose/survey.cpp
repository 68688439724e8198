// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/diagnose/survey.hpp"

#include <algorithm>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/nat_classifier.hpp"

namespace hsfwd::hyperdht {

namespace {

constexpr std::size_t kOthers = 8;  // nodes beside the bootstrap nodes, on hosts of their own
constexpr int kPingRepeats = 2;
// IP packets worth telling apart: Ethernet, PPPoE, tunnels of all kinds, the least a path must carry.
constexpr std::size_t kSizes[] = {1500, 1492, 1480, 1472, 1460, 1450, 1440, 1420, 1400,
                                  1380, 1360, 1340, 1320, 1300, 1280, 1240, 1200};
constexpr std::size_t kHeaders = 28;  // IPv4 and UDP

/// The value that makes a ping an IP packet of `size` bytes. Values of 253 bytes and more have a
/// length field of three.
Bytes filler(std::size_t size) {
  const Bytes least(253);
  const rpc::RequestMessage ping{.command = rpc::InternalCommand::kPing, .value = least};
  return Bytes(size - kHeaders - (ping.encode().size() - least.size()));
}

}  // namespace

Survey::Survey(const Context& context, Done done) : context_(context), done_(std::move(done)) {}

Survey::~Survey() = default;

void Survey::start() {
  report_.interfaces = context_.env.interfaces.list();
  report_.server_socket = context_.endpoint.server().local_address();
  report_.client_socket = context_.endpoint.client().local_address();
  const auto& bootstrap = context_.node.options().bootstrap;
  open_ = 1;  // ended by settle() below, so that nothing is finished before all is begun
  for (const rpc::BootstrapNode& node : bootstrap) {
    report_.bootstrap.push_back({.name = node.to_string()});
    candidates_.push_back({{node}, nullptr, nullptr});
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) resolve(i);
  ask_others();
  settle();
}

void Survey::resolve(std::size_t index) {
  ++open_;
  Candidate& candidate = candidates_[index];
  candidate.walk = std::make_unique<rpc::BootstrapWalk>(
      context_.env, context_.node.calls(), candidate.node, context_.node.unresolved_names(),
      [this, index](const net::Address& address) { report_.bootstrap[index].address = address; },
      [this, index] {
        if (candidates_[index].walk->done()) ask_bootstrap(index);
      });
  candidate.walk->start();
}

void Survey::ask_bootstrap(std::size_t index) {
  const auto address = report_.bootstrap[index].address;
  if (!address) {
    report_.bootstrap[index].unresolved = true;
    settle();
    return;
  }
  Candidate& candidate = candidates_[index];
  candidate.ping = std::make_unique<rpc::Call>(context_.node.calls(),
                                               [this, index](const rpc::CallResult& result) {
                                                 if (result) {
                                                   report_.bootstrap[index].rtt = result->rtt;
                                                   add_sample(*result);
                                                 }
                                                 settle();
                                               });
  context_.node.ping(*candidate.ping, *address, &context_.endpoint.client());
}

void Survey::ask_others() {
  std::vector<net::Ipv4> hosts;
  std::vector<net::Address> second_choice;
  std::size_t asked = 0;
  for (const net::Address& node : context_.node.known_nodes(kOthers * 8)) {
    if (asked == kOthers) return;
    if (std::find(hosts.begin(), hosts.end(), node.host) != hosts.end()) {
      second_choice.push_back(node);
      continue;
    }
    hosts.push_back(node.host);
    ask(node);
    ++asked;
  }
  // All of a small network may live on one host.
  for (const net::Address& node : second_choice) {
    if (asked++ == kOthers) return;
    ask(node);
  }
}

void Survey::ask(const net::Address& node) {
  ++open_;
  calls_.push_back(
      std::make_unique<rpc::Call>(context_.node.calls(), [this](const rpc::CallResult& result) {
        if (result) add_sample(*result);
        settle();
      }));
  context_.node.ping(*calls_.back(), node, &context_.endpoint.client(), kPingRepeats);
}

void Survey::add_sample(const rpc::Reply& reply) {
  const bool known = std::any_of(report_.samples.begin(), report_.samples.end(),
                                 [&](const auto& sample) { return sample.node == reply.from; });
  if (!known) report_.samples.push_back({reply.from, reply.message.to, reply.rtt});
}

/// One thing that was waited for is done.
void Survey::settle() {
  if (--open_ > 0 || over_) return;
  if (!sizing_ && !report_.samples.empty()) {
    sizing_ = true;
    probe_sizes();
  } else {
    finish();
  }
}

/// Of every size one ping, to the node that answers soonest.
void Survey::probe_sizes() {
  const auto nearest = std::min_element(report_.samples.begin(), report_.samples.end(),
                                        [](const auto& a, const auto& b) { return a.rtt < b.rtt; });
  report_.mtu = SurveyReport::PathMtu{nearest->node, 0};
  open_ = std::size(kSizes);
  for (const std::size_t size : kSizes) {
    calls_.push_back(std::make_unique<rpc::Call>(
        context_.node.calls(),
        [this, size](const rpc::CallResult& result) { on_size(size, result.ok()); }));
    rpc::RequestSpec spec;
    spec.to = nearest->node;
    spec.command = rpc::InternalCommand::kPing;
    spec.value = filler(size);
    spec.retries = kPingRepeats;
    spec.socket = &context_.endpoint.client();
    spec.uncut = true;
    calls_.back()->start(std::move(spec));
  }
}

void Survey::on_size(std::size_t size, bool arrived) {
  if (arrived) report_.mtu->size = std::max(report_.mtu->size, size);
  settle();
}

void Survey::conclude() {
  if (!over_) finish();
}

void Survey::finish() {
  over_ = true;
  const rpc::Node& node = context_.node;
  report_.firewalled = node.firewalled();
  NatClassifier nat(report_.firewalled);
  for (const SurveyReport::Sample& sample : report_.samples) {
    nat.add(sample.seen_as, sample.node);
    auto& hosts = report_.public_hosts;
    if (std::find(hosts.begin(), hosts.end(), sample.seen_as.host) == hosts.end()) {
      hosts.push_back(sample.seen_as.host);
    }
  }
  if (report_.online()) report_.nat = nat.verdict();
  report_.keeps_port =
      report_.online() && std::all_of(report_.samples.begin(), report_.samples.end(),
                                      [this](const SurveyReport::Sample& sample) {
                                        return sample.seen_as.port == report_.client_socket.port;
                                      });
  report_.open_address = node.remote_address();
  if (report_.mtu && report_.mtu->size == 0) report_.mtu.reset();
  done_(report_);
}

}  // namespace hsfwd::hyperdht
