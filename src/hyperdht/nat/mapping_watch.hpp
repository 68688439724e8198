// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/nat/endpoint.hpp"
#include "rpc/call.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// Whether the NAT in front of this node ends mappings a minute or so after they were made, whatever flows, as
/// carriers' do (50 to 75 s, n0-computer/iroh#4424). Where it does, and as long as nobody knows, whoever has a path
/// makes another one, from another socket, before that (make before break); the first socket that is left
/// in that way is watched, which settles it for this network.
class MappingWatch {
 public:
  enum class Verdict { kUnknown, kKept, kEnded };
  /// Younger mappings last.
  static constexpr Duration kLasts = 40_s;

  explicit MappingWatch(const Context& context);
  ~MappingWatch() { cancel(); }

  Verdict verdict() const { return verdict_; }
  /// Another path should take the place of one from a socket that was opened then.
  bool is_old(Instant opened_at) const;
  /// A socket that was left. No effect unless it is about that old, or if another one is watched, or the NAT is known
  /// to keep mappings.
  void observe(std::shared_ptr<PoolSocket> socket);
  /// Another network.
  void reset();
  void cancel();

 private:
  void ask();
  void on_pong(const rpc::CallResult& result);
  void settle(Verdict verdict);

  const Context& context_;
  Verdict verdict_ = Verdict::kUnknown;
  std::shared_ptr<PoolSocket> socket_;
  std::vector<net::Address> first_answers_;  // until two of them agree
  std::optional<net::Address> seen_as_;
  std::optional<net::Ipv4> not_by_;  // a neighbour of whom is not to be asked next
  int denials_ = 0;                  // in a row
  rpc::Call ping_;
  Timer timer_;
};

}  // namespace hsfwd::hyperdht
