// SPDX-License-Identifier: Apache-2.0
#include "rpc/nat_sampler.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::rpc {

namespace {

/// How many of `n` reports must agree.
int threshold(std::size_t n) {
  const int allowed_strays = n < 4 ? 0 : n < 8 ? 1 : n < 12 ? 2 : 3;
  return static_cast<int>(n) - allowed_strays;
}

}  // namespace

std::size_t NatSampler::Tally::find_recent(const net::Address& value, std::size_t size,
                                           std::size_t at) const {
  for (std::size_t back = 1; back <= std::min(kLookBack, size); ++back) {
    const std::size_t entry = window_[(at + kWindow - back) % kWindow];
    if (entries_[entry].value == value) return entry;
  }
  return entries_.size();
}

std::size_t NatSampler::Tally::fresh_entry() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].slots == 0 && !(any_ && i == best_)) return i;
  }
  HSFWD_CHECK(false);
  return 0;
}

void NatSampler::Tally::add(const net::Address& value, std::size_t size, std::size_t at) {
  std::size_t entry = find_recent(value, size, at);
  if (entry == entries_.size()) {
    entry = fresh_entry();
    entries_[entry] = {value, 0, 0};
  }
  ++entries_[entry].hits;
  ++entries_[entry].slots;
  if (size == kWindow) {
    Entry& left = entries_[window_[at]];
    --left.hits;
    --left.slots;
  }
  window_[at] = entry;
  // The best keeps its place until another has strictly more, even when its reports are gone.
  if (!any_ || entries_[best_].hits < entries_[entry].hits) best_ = entry;
  any_ = true;
}

void NatSampler::add(const net::Address& reported) {
  full_.add(reported, size_, next_);
  hosts_.add({reported.host, 0}, size_, next_);
  next_ = (next_ + 1) % kWindow;
  size_ = std::min(size_ + 1, kWindow);

  const int needed = threshold(size_);
  if (full_.best_hits() >= needed) {
    host_ = full_.best().host;
    port_ = full_.best().port;
  } else if (hosts_.best_hits() >= needed) {
    host_ = hosts_.best().host;
    port_ = 0;
  } else {
    host_.reset();
    port_ = 0;
  }
}

}  // namespace hsfwd::rpc
