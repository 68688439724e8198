// SPDX-License-Identifier: Apache-2.0
#include "udx/path_mtu.hpp"

#include <algorithm>

#include "udx/packet.hpp"

namespace hsfwd::udx {

namespace {
// Fewer bytes than this are not worth another probe.
constexpr std::size_t kResolution = 16;
// Ordinary loss takes probes too; this many in a row mean the size.
constexpr int kMaxProbeFailures = 3;
// RFC 8899 suggests 600 s between searches.
constexpr Duration kSearchAgain = 600_s;
// After a black hole sooner, since such a path has just changed.
constexpr Duration kSearchAfterBlackHole = 60_s;
// Large packets that fail for good without one arriving in between.
constexpr int kBlackHoleThreshold = 2;
}  // namespace

void PathMtu::begin_search() {
  searching_ = true;
  ceiling_ = max_ + 1;
  failures_ = 0;
  next_search_.reset();
  aim();
}

void PathMtu::aim() {
  const bool untried = ceiling_ > max_;
  const std::size_t step = untried ? kMaxPadding : (ceiling_ - current_) / 2;
  target_ = std::min(max_, current_ + std::min(step, kMaxPadding));
}

void PathMtu::settle(Instant now) {
  searching_ = false;
  if (current_ < max_) search_again_at(now + kSearchAgain);
}

void PathMtu::on_path_works(Instant now) {
  if (searching_) return;
  const bool first = !works_;
  works_ = true;
  if (max_ <= current_) return;
  if (first || (next_search_ && now >= *next_search_)) begin_search();
}

std::optional<std::size_t> PathMtu::wanted_probe(Instant) const {
  if (!searching_ || probe_under_way_) return std::nullopt;
  return target_;
}

void PathMtu::on_probe_sent(std::size_t size) {
  probe_under_way_ = true;
  target_ = size;
}

void PathMtu::on_probe_acked(Instant now) {
  probe_under_way_ = false;
  if (!searching_) return;
  current_ = std::max(current_, target_);
  suspicious_ = 0;
  failures_ = 0;
  if (current_ >= max_ || ceiling_ - current_ <= kResolution) {
    settle(now);
  } else {
    aim();
  }
}

void PathMtu::on_probe_lost(Instant now) {
  probe_under_way_ = false;
  if (!searching_ || ++failures_ < kMaxProbeFailures) return;
  failures_ = 0;
  ceiling_ = target_;
  if (ceiling_ - current_ <= kResolution) {
    settle(now);
  } else {
    aim();
  }
}

bool PathMtu::on_large_lost(Instant now) {
  if (current_ <= kBase || ++suspicious_ < kBlackHoleThreshold) return false;
  current_ = kBase;
  searching_ = false;
  probe_under_way_ = false;
  suspicious_ = 0;
  search_again_at(now + kSearchAfterBlackHole);
  return true;
}

void PathMtu::reset(std::size_t max) {
  *this = PathMtu(max);
}

}  // namespace hsfwd::udx
