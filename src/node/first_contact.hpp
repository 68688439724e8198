// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "node/hsfwd.hpp"
#include "util/scheduler.hpp"

namespace hsfwd {

/// Whether a node that has just started is answered at all. If not one packet comes back, more
/// patience would not help; if one does, however late and to whatever question, the network is
/// slow, and every request keeps its time.
class FirstContact {
 public:
  /// Longer than an address of a bootstrap node is tried (4.8 s at most), and its name then looked
  /// up at a first name server that is silent (5 s, the resolver's default) and a second that is
  /// not. Short enough for somebody who is waiting.
  static constexpr Duration kPatience = 13_s;

  /// Calls `nobody`, once, if nobody has answered `node` kPatience from now. The node outlives
  /// it.
  FirstContact(Scheduler& scheduler, const Node& node, std::function<void()> nobody);

 private:
  Timer timer_;
};

}  // namespace hsfwd
