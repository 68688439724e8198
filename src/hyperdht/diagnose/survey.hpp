// SPDX-License-Identifier: Apache-2.0
// A look at the own network, for people: which bootstrap nodes answer, how others see this node, what
// its NAT does with that, and how large packets may be.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hyperdht/nat/nat_classifier.hpp"
#include "net/env.hpp"
#include "rpc/bootstrap_nodes.hpp"

namespace hsfwd::hyperdht {

struct Context;

struct SurveyReport {
  struct Bootstrap {
    std::string name;
    std::optional<net::Address> address;  // nothing as long as the name is not resolved
    bool unresolved = false;              // it cannot be
    std::optional<Duration> rtt;          // nothing: no answer
  };
  /// Who answered the client socket, and from where it sees that come.
  struct Sample {
    net::Address node;
    net::Address seen_as;
    Duration rtt;
  };
  struct PathMtu {
    net::Address to;
    std::size_t size = 0;  // the largest IP packet that got there, bytes
  };

  std::vector<net::Interface> interfaces;
  net::Address server_socket;  // bound to
  net::Address client_socket;
  std::vector<Bootstrap> bootstrap;
  std::vector<Sample> samples;
  /// Nothing gets in unasked. Unknown without samples.
  bool firewalled = true;
  Firewall nat = Firewall::kUnknown;
  /// The NAT leaves port numbers as they are.
  bool keeps_port = false;
  /// Public hosts under which others see this one; more than one is a NAT that balances.
  std::vector<net::Ipv4> public_hosts;
  /// The own public address, if anybody may come in there.
  std::optional<net::Address> open_address;
  std::optional<PathMtu> mtu;

  bool online() const { return !samples.empty(); }
  /// A public host is one of the own interfaces: there is no NAT.
  bool translated() const;
};

/// To be started once the node is bootstrapped, or nothing is to be expected of that any more.
class Survey {
 public:
  using Done = std::function<void(const SurveyReport&)>;

  Survey(const Context& context, Done done);
  ~Survey();
  Survey(const Survey&) = delete;
  Survey& operator=(const Survey&) = delete;

  void start();
  /// Reports what is known by now. Nothing happens if that was reported already.
  void conclude();

 private:
  /// From a name to an answer.
  struct Candidate {
    std::vector<rpc::BootstrapNode> node;  // just one: a walk takes a list
    std::unique_ptr<rpc::BootstrapWalk> walk;
    std::unique_ptr<rpc::Call> ping;
  };

  void resolve(std::size_t index);
  void ask_bootstrap(std::size_t index);
  void ask_others();
  void ask(const net::Address& node);
  void add_sample(const rpc::Reply& reply);
  void settle();
  void probe_sizes();
  void on_size(std::size_t size, bool arrived);
  void finish();

  const Context& context_;
  Done done_;
  SurveyReport report_;
  std::vector<Candidate> candidates_;
  std::vector<std::unique_ptr<rpc::Call>> calls_;
  std::size_t open_ = 0;  // what is still to answer or to time out
  bool sizing_ = false;
  bool over_ = false;
};

/// What it means for who wants to connect, one clause.
const char* describe(const SurveyReport& report);

}  // namespace hsfwd::hyperdht
