// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "node/hsfwd.hpp"
#include "util/scheduler.hpp"

namespace hsfwd {

/// Whether a node that has just started is answered at all. Where not one packet comes back there
/// is nothing that more patience would help; where one does, however late and to whatever question,
/// the network is slow, and every request keeps the time that it has.
class FirstContact {
 public:
  /// Longer than an address of a bootstrap node is tried (4.8 s at most), and its name then looked
  /// up at a first name server that is silent (5 s, the resolver's default) and a second that is
  /// not. Short enough for who sits there and waits.
  static constexpr Duration kPatience = 13_s;

  /// Calls `nobody`, once, if `node` has heard of no one kPatience from now. The node lives as
  /// long.
  FirstContact(Scheduler& scheduler, const Node& node, std::function<void()> nobody);

 private:
  Timer timer_;
};

}  // namespace hsfwd
