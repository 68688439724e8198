// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "net/address.hpp"

namespace hsfwd::rpc {

/// The own public address as other nodes report it: a vote over the last sixteen reports. A report
/// joins one of the four reports before it if they agree, and opens an entry of its own otherwise.
class NatSampler {
 public:
  void add(const net::Address& reported);

  /// Nothing while the reports disagree even on the host.
  std::optional<net::Ipv4> host() const { return host_; }
  /// 0 while unknown, and when the host is agreed on but its ports vary.
  std::uint16_t port() const { return port_; }
  bool randomized() const { return host_ && port_ == 0; }
  std::size_t samples() const { return size_; }

 private:
  static constexpr std::size_t kWindow = 16;
  static constexpr std::size_t kLookBack = 4;

  /// One of two tallies: of whole addresses, or of hosts (port 0).
  class Tally {
   public:
    /// `size` reports were counted before, the next goes to slot `at`.
    void add(const net::Address& value, std::size_t size, std::size_t at);
    const net::Address& best() const { return entries_[best_].value; }
    int best_hits() const { return entries_[best_].hits; }

   private:
    struct Entry {
      net::Address value;
      int hits = 0;
      int slots = 0;  // how many of the window's reports refer to it
    };
    std::size_t find_recent(const net::Address& value, std::size_t size, std::size_t at) const;
    std::size_t fresh_entry();

    // As many entries as reports, one that the window has left behind, and one being added.
    std::array<Entry, kWindow + 2> entries_{};
    std::array<std::size_t, kWindow> window_{};
    std::size_t best_ = 0;
    bool any_ = false;
  };

  Tally full_;
  Tally hosts_;
  std::size_t size_ = 0;
  std::size_t next_ = 0;
  std::optional<net::Ipv4> host_;
  std::uint16_t port_ = 0;
};

}  // namespace hsfwd::rpc
