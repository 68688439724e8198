// SPDX-License-Identifier: Apache-2.0
#include "cli/udp_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/events/connections.hpp"
#include "cli/table.hpp"

namespace hsfwd::cli {

std::vector<DatagramDrop> drops_of(const forward::UdpDrops& drops) {
  std::vector<DatagramDrop> out;
  drops.for_each([&](const char* reason, std::uint64_t datagrams) {
    if (datagrams > 0) out.push_back({reason, datagrams});
  });
  return out;
}

std::string drops_text(const std::vector<DatagramDrop>& drops) {
  std::string out;
  for (const DatagramDrop& drop : drops) {
    std::string reason = drop.reason;
    std::replace(reason.begin(), reason.end(), '_', ' ');
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", drop.datagrams, reason);
  }
  return out;
}

OversizedReport::OversizedReport(App& app)
    : app_(app), minute_timer_(app.scheduler(), [this] {
        if (untold_.datagrams > 0) report();
      }) {}

void OversizedReport::add(const std::string& listen, const forward::TooLarge& lost) {
  listen_ = listen;
  untold_ = {lost.service, untold_.datagrams + lost.datagrams, lost.most};
  if (!minute_timer_.armed()) report();
}

void OversizedReport::report() {
  const forward::TooLarge told = std::exchange(untold_, {});
  minute_timer_.start(1_min);
  app_.log().warning(forward::kUdpComponent,
                     "{} {} too large for the path to the peer: more than {} bytes; dropped",
                     count_text(told.datagrams, "datagram"),
                     listen_.empty() ? "of service " + told.service : "for " + listen_, told.most);
  events::Oversized event{told.service, told.datagrams, told.most, {}};
  if (!listen_.empty()) event.listen = listen_;
  app_.output().event(event, "");
}

}  // namespace hsfwd::cli
