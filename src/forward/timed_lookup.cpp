// SPDX-License-Identifier: Apache-2.0
#include "forward/timed_lookup.hpp"

#include <utility>

namespace hsfwd::forward {

TimedLookup::TimedLookup(Scheduler& scheduler, net::Resolver& resolver, const std::string& name,
                         net::Resolver::Done done)
    : scheduler_(scheduler),
      done_(std::move(done)),
      timer_(scheduler, [this] { end(Err(Errc::kTimeout)); }) {
  timer_.start(kTime);
  lookup_ = resolver.resolve(name, [this](const Result<net::Ipv4>& found) { end(found); });
}

void TimedLookup::end(const Result<net::Ipv4>& found) {
  timer_.stop();
  scheduler_.retire(std::move(lookup_));
  done_(found);
}

void TimedLookup::cancel() {
  timer_.stop();
  if (lookup_) lookup_->cancel();
}

}  // namespace hsfwd::forward
