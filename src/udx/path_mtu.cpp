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
// How long a proven size is relied on by messages. A probe a second is little beside what they carry, and
// what runs over them gives up no connection within the few seconds that it takes to notice.
constexpr Duration kConfirmAfter = 1_s;
}  // namespace

void PathMtu::begin_search() {
  searching_ = true;
  confirming_ = false;
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
  if (probe_under_way_ || (!searching_ && !confirming_)) return std::nullopt;
  return searching_ ? target_ : current_;
}

void PathMtu::on_probe_sent(std::size_t size) {
  probe_under_way_ = true;
  target_ = size;
}

void PathMtu::on_probe_acked(Instant now) {
  probe_under_way_ = false;
  proven_at_ = now;
  confirming_ = false;
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

bool PathMtu::on_probe_lost(Instant now) {
  probe_under_way_ = false;
  if ((!searching_ && !confirming_) || ++failures_ < kMaxProbeFailures) return false;
  if (confirming_) {
    current_ = kBase;
    begin_search();
    return true;
  }
  failures_ = 0;
  ceiling_ = target_;
  if (ceiling_ - current_ <= kResolution) {
    settle(now);
  } else {
    aim();
  }
  return false;
}

void PathMtu::on_large_message(Instant now) {
  if (searching_ || confirming_ || current_ <= kBase || now - proven_at_ < kConfirmAfter) return;
  confirming_ = true;
  failures_ = 0;
}

bool PathMtu::on_large_lost(Instant now) {
  if (current_ <= kBase || ++suspicious_ < kBlackHoleThreshold) return false;
  current_ = kBase;
  searching_ = false;
  confirming_ = false;
  probe_under_way_ = false;
  suspicious_ = 0;
  search_again_at(now + kSearchAfterBlackHole);
  return true;
}

void PathMtu::reset(std::size_t max) {
  *this = PathMtu(max);
}

}  // namespace hsfwd::udx
