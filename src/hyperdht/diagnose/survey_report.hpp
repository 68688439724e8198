// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hyperdht/wire/firewall.hpp"
#include "net/env.hpp"

namespace hsfwd::hyperdht {

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
/// What it means for who wants to connect, one clause.
const char* describe(const SurveyReport& report);

}  // namespace hsfwd::hyperdht
