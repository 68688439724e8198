// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "rpc/node_id.hpp"
#include "util/random.hpp"

namespace hsfwd::rpc {

/// Round-trip tokens: who presents one has received a packet of ours at that host recently. The port
/// does not enter, so a token is good for all of a host's sockets.
class Tokens {
 public:
  using Secret = crypto::Key32;

  explicit Tokens(Random& random) : random_(random) {}

  Token issue(net::Ipv4 host);
  /// Accepts tokens of the current and of the previous secret.
  bool verify(const Token& token, net::Ipv4 host);
  /// To be called every 7.5 s; a token then lives between 7.5 and 15 s.
  void rotate();

  /// Index 0 is the previous secret, 1 the current; for tests that repeat a recorded run.
  void set_secrets(const Secret& previous, const Secret& current);
  const Secret& secret(std::size_t index) const { return (*secrets_)[index]; }

 private:
  std::array<Secret, 2>& secrets();

  Random& random_;
  std::optional<std::array<Secret, 2>> secrets_;  // drawn at first use
};

}  // namespace hsfwd::rpc
