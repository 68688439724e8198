// SPDX-License-Identifier: Apache-2.0
// Finds out how large packets may be on a path, and notices when that was too much.
//
// Sizes are those of IP packets. A probe is a data packet with zeros in front of its payload; lost,
// it is repeated without them, so that probing never delays data by more than a repeat.
//
// Differs from upstream, which climbs in steps of 32 and never comes down again: this search climbs
// as far as padding goes, halves the interval where that fails, and a path that swallows large
// packets is taken back to the base size.
//
// Messages beside a stream are never acknowledged, so their loss says nothing. While large ones leave
// that the size rests on, it is probed again now and then (RFC 8899, section 3: confirmation).
#pragma once

#include <cstdint>
#include <optional>

#include "util/time.hpp"

namespace hsfwd::udx {

class PathMtu {
 public:
  /// What every path must carry.
  static constexpr std::size_t kBase = 1200;

  explicit PathMtu(std::size_t max) : max_(max) {}

  /// The proven size.
  std::size_t current() const { return current_; }
  std::size_t max() const { return max_; }

  /// Something was acknowledged: the path works, so probing may begin.
  void on_path_works(Instant now);
  /// The size to be probed now, if any. One probe is under way at a time.
  std::optional<std::size_t> wanted_probe(Instant now) const;

  void on_probe_sent(std::size_t size);
  void on_probe_acked(Instant now);
  /// True when the path has become a black hole for the proven size, as from on_large_lost().
  bool on_probe_lost(Instant now);
  /// Nobody will hear of it any more.
  void on_probe_abandoned() { probe_under_way_ = false; }
  /// A packet above the base size that was no probe has arrived.
  void on_large_acked() { suspicious_ = 0; }
  /// Such a packet had to be given up on (lost again after repeats). True when the path is a black
  /// hole for its size and the proven size has been taken back to the base.
  bool on_large_lost(Instant now);
  /// A message above the base size leaves.
  void on_large_message(Instant now);

  /// Another path, whose kernel limit is `max`.
  void reset(std::size_t max);

 private:
  void search_again_at(Instant when) { next_search_ = when; }
  void begin_search();
  void aim();
  void settle(Instant now);

  std::size_t max_;
  std::size_t current_ = kBase;
  bool searching_ = false;
  bool confirming_ = false;  // the proven size is probed again
  bool probe_under_way_ = false;
  std::size_t target_ = 0;
  std::size_t ceiling_ = 0;  // sizes from here on have failed
  int failures_ = 0;         // of this target
  int suspicious_ = 0;
  std::optional<Instant> next_search_;
  Instant proven_at_;
  bool works_ = false;
};

}  // namespace hsfwd::udx
