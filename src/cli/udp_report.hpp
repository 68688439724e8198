// SPDX-License-Identifier: Apache-2.0
// What is reported of datagrams that were not passed on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/events/event.hpp"
#include "forward/udp_drops.hpp"

namespace hsfwd::cli {

struct DatagramDrop {
  std::string reason;
  std::uint64_t datagrams = 0;
  static constexpr void fields(auto list) {
    list(field("reason", &DatagramDrop::reason), field("datagrams", &DatagramDrop::datagrams));
  }
};

/// Those that there were, by their reasons.
std::vector<DatagramDrop> drops_of(const forward::UdpDrops& drops);
/// "3 too large, 1 busy"
std::string drops_text(const std::vector<DatagramDrop>& drops);

/// Reports datagrams that are too large for the path: the first at once, and from then on once a minute how many more there
/// were.
class OversizedReport {
 public:
  explicit OversizedReport(App& app);

  /// `listen`: the local address they came to; empty if a service has sent them.
  void add(const std::string& listen, const forward::TooLarge& lost);

 private:
  void report();

  App& app_;
  std::string listen_;
  forward::TooLarge untold_;
  Timer minute_timer_;
};

}  // namespace hsfwd::cli
