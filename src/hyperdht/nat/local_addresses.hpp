// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "net/env.hpp"

namespace hsfwd::hyperdht {

/// The addresses under which this host may be reached on its own network, each tested with a
/// datagram to itself before it is told to anybody.
class LocalAddresses final : private net::UdpObserver {
 public:
  explicit LocalAddresses(const net::Env& env);
  ~LocalAddresses() override;

  /// Interface addresses with the given port: what clients tell. Only 127.0.0.1 if there are none or
  /// the socket is bound to it.
  std::vector<net::Address> all(const net::Address& server_socket) const;
  /// Those of them that passed the test, as servers tell them. Starts tests of new ones.
  std::vector<net::Address> validated(const net::Address& server_socket);
  /// The interfaces changed: everything is tested again.
  void invalidate();

 private:
  enum class Verdict { kTesting, kGood, kBad };
  struct Test {
    Verdict verdict = Verdict::kTesting;
    std::unique_ptr<net::UdpSocket> socket;
    std::unique_ptr<Timer> timer;
  };

  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override;
  void begin(net::Ipv4 host);
  void conclude(Test& test, Verdict verdict);

  net::Env env_;
  std::map<net::Ipv4, Test> tests_;
};

/// The address of `theirs` that shares most leading octets with one of `ours`: three are taken at
/// once, in the order of the lists, then two, then one. Nothing if not even the first is shared.
std::optional<net::Address> match_lan_address(const std::vector<net::Address>& ours,
                                              const std::vector<net::Address>& theirs);

}  // namespace hsfwd::hyperdht
