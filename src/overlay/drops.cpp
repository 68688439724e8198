// SPDX-License-Identifier: Apache-2.0
#include "overlay/drops.hpp"

#include <numeric>

#include "util/metrics.hpp"

namespace hsfwd::overlay {

const char* to_string(Drop reason) {
  switch (reason) {
    case Drop::kMalformed:
      return "malformed";
    case Drop::kForeign:
      return "foreign_source";
    case Drop::kGroup:
      return "multicast";
    case Drop::kNoRoute:
      return "no_route";
    case Drop::kLoop:
      return "loop";
    case Drop::kTooBig:
      return "too_big";
    case Drop::kUnreachable:
      return "unreachable";
    case Drop::kQueueFull:
      return "queue_full";
    case Drop::kLate:
      return "late";
    case Drop::kSpoofed:
      return "spoofed";
    case Drop::kNotForUs:
      return "not_for_us";
    case Drop::kRefused:
      return "refused";
    case Drop::kHostFull:
      return "host_full";
    case Drop::kCount:
      break;
  }
  return "";
}

void Drops::add(const Drops& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

std::uint64_t Drops::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

void Drops::collect(MetricSink& sink) const {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    sink.counter("hsfwd_network_drops", "IP packets that were not passed on, by reason", counts_[i],
                 {{"reason", to_string(static_cast<Drop>(i))}});
  }
}

}  // namespace hsfwd::overlay
