// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "ip/address.hpp"

namespace hsfwd::ip {

/// What is known of networks: of those that an address is in, the longest decides. `Entry` has a Prefix called
/// `network`, of which there is one entry at most.
///
/// Sorted arrays, one a length: a look-up compares as often as the number of bits that their sizes have, whatever
/// addresses others choose.
template <class Entry>
class PrefixTable {
 public:
  /// The entry of that very network, which stays as it is if there is one; and whether it is new. Good until the
  /// next change.
  std::pair<const Entry*, bool> add(Entry entry) {
    Length& length = length_of(entry.network.bits);
    const Number begin = number_of(entry.network.host);
    const auto at = std::lower_bound(length.begins.begin(), length.begins.end(), begin);
    const auto place = length.entries.begin() + (at - length.begins.begin());
    if (at != length.begins.end() && *at == begin) return {&*place, false};
    length.begins.insert(at, begin);
    return {&*length.entries.insert(place, std::move(entry)), true};
  }

  template <class Unwanted>
  void remove_if(Unwanted&& unwanted) {
    for (Length& length : lengths_) {
      std::erase_if(length.entries, unwanted);
      length.begins.clear();
      for (const Entry& entry : length.entries) {
        length.begins.push_back(number_of(entry.network.host));
      }
    }
    std::erase_if(lengths_, [](const Length& length) { return length.entries.empty(); });
  }

  /// The longest that has the host. Null for none. Good until the next change.
  const Entry* find(const Ipv6& host) const {
    const Number number = number_of(host);
    for (const Length& length : lengths_) {
      // The last network that does not begin behind the host is the only one that it can be in.
      const auto behind = std::upper_bound(length.begins.begin(), length.begins.end(), number);
      if (behind == length.begins.begin()) continue;
      const Entry& entry = *(length.entries.begin() + (behind - length.begins.begin() - 1));
      if (entry.network.contains(host)) return &entry;
    }
    return nullptr;
  }

  std::size_t size() const {
    std::size_t out = 0;
    for (const Length& length : lengths_) out += length.entries.size();
    return out;
  }

 private:
  /// An address as a number, which compares faster than its bytes.
  struct Number {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const Number&) const = default;
  };
  /// Networks that have so many bits, in order.
  struct Length {
    std::uint8_t bits = 0;
    std::vector<Number> begins;  // of each of `entries`, close together for the search
    std::vector<Entry> entries;
  };

  static Number number_of(const Ipv6& host) {
    Number out;
    for (std::size_t i = 0; i < 8; ++i) {
      out.high = out.high << 8 | host.bytes[i];
      out.low = out.low << 8 | host.bytes[8 + i];
    }
    return out;
  }

  Length& length_of(std::uint8_t bits) {
    const auto at = std::find_if(lengths_.begin(), lengths_.end(),
                                 [bits](const Length& length) { return length.bits <= bits; });
    if (at != lengths_.end() && at->bits == bits) return *at;
    return *lengths_.insert(at, Length{.bits = bits, .begins = {}, .entries = {}});
  }

  std::vector<Length> lengths_;  // the longest first; none is empty
};

}  // namespace hsfwd::ip
