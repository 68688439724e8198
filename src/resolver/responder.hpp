// SPDX-License-Identifier: Apache-2.0
// The DNS server for hsfwd's own zones, docs/protocol/network.md section 4.
#pragma once

#include <optional>
#include <vector>

#include "ip/address.hpp"
#include "resolver/name_table.hpp"
#include "resolver/query.hpp"
#include "util/bytes.hpp"

namespace hsfwd::resolver {

/// No answer is larger, whatever is asked. It is what everybody takes over UDP (RFC 1035 section
/// 4.2.1), so that none is ever truncated.
inline constexpr std::size_t kMaxAnswer = 512;

class Responder {
 public:
  /// `networks`: those whose reverse zones are ours.
  Responder(NameTable table, std::vector<ip::Prefix> networks);

  /// Whether somebody else has to be asked: a question that makes sense, about no name of our zones.
  bool is_foreign(ByteView message) const;
  /// The answer to a message; empty if there is to be none.
  Bytes answer(ByteView message) const;

 private:
  /// What is at a name of ours.
  struct Found {
    std::size_t zone = 0;  // the label that the zone begins with
    bool exists = false;
    const NamedPeer* host = nullptr;    // whose addresses are here
    const NamedPeer* target = nullptr;  // whose name is here
  };
  std::optional<Found> find(const Name& name) const;
  std::optional<Found> find_host(const Name& name) const;
  std::optional<Found> find_reverse(const Name& name) const;

  const NameTable table_;
  const std::vector<ip::Prefix> networks_;
};

}  // namespace hsfwd::resolver
