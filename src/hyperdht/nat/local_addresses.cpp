// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/local_addresses.hpp"

#include <span>

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kTestTime = 500_ms;
}

LocalAddresses::LocalAddresses(const net::Env& env) : env_(env) {}

LocalAddresses::~LocalAddresses() = default;

std::vector<net::Address> LocalAddresses::all(const net::Address& server_socket) const {
  if (server_socket.host == net::Ipv4::loopback()) return {server_socket};
  std::vector<net::Address> out;
  for (const net::Interface& interface : env_.interfaces.list()) {
    if (!interface.internal) out.push_back({interface.host, server_socket.port});
  }
  if (out.empty()) out.push_back({net::Ipv4::loopback(), server_socket.port});
  return out;
}

std::vector<net::Address> LocalAddresses::validated(const net::Address& server_socket) {
  std::vector<net::Address> out;
  for (const net::Address& address : all(server_socket)) {
    const auto test = tests_.find(address.host);
    if (test == tests_.end()) {
      begin(address.host);
    } else if (test->second.verdict == Verdict::kGood) {
      out.push_back(address);
    }
  }
  return out;
}

void LocalAddresses::invalidate() {
  tests_.clear();
}

void LocalAddresses::begin(net::Ipv4 host) {
  Test& test = tests_[host];
  auto socket = env_.udp.bind({host, 0}, *this);
  if (!socket) {
    test.verdict = Verdict::kBad;
    return;
  }
  test.socket = std::move(*socket);
  test.timer =
      std::make_unique<Timer>(env_.scheduler, [this, &test] { conclude(test, Verdict::kBad); });
  test.timer->start(kTestTime);
  static constexpr std::uint8_t kByte[] = {0};
  test.socket->send_one({host, test.socket->local_address().port}, kByte);
}

void LocalAddresses::conclude(Test& test, Verdict verdict) {
  test.verdict = verdict;
  env_.scheduler.retire(std::move(test.socket));
  env_.scheduler.retire(std::move(test.timer));
}

void LocalAddresses::on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram>) {
  for (auto& [host, test] : tests_) {
    if (test.socket.get() == &socket) conclude(test, Verdict::kGood);
  }
}

std::optional<net::Address> match_lan_address(const std::vector<net::Address>& ours,
                                              const std::vector<net::Address>& theirs) {
  std::optional<net::Address> best;
  int best_shared = 0;
  for (const net::Address& our : ours) {
    for (const net::Address& their : theirs) {
      int shared = 0;
      while (shared < 3 && our.host.octet(shared) == their.host.octet(shared)) ++shared;
      if (shared == 3) return their;
      if (shared > best_shared) {
        best = their;
        best_shared = shared;
      }
    }
  }
  return best;
}

}  // namespace hsfwd::hyperdht
