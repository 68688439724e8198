// SPDX-License-Identifier: Apache-2.0
// What a holesail server says of its service in the DHT, under its public key, for everybody who knows
// that: docs/protocol/applications.md section 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "forward/service.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::cli {

/// The port that clients open on their side unless told otherwise, which is that of the service.
struct HolesailRecord {
  static constexpr std::size_t kMaxSize = 1024;         // bytes; a real one has less than 100
  static constexpr std::uint16_t kNoRecordPort = 8989;  // where a server has none

  std::uint16_t port = kNoRecordPort;
  bool udp = false;

  /// For a service. The host is 127.0.0.1, at which clients then listen: where the service is, is nobody's
  /// business.
  std::string encode() const;
  /// The error is one clause for people.
  static Result<HolesailRecord, std::string> decode(ByteView bytes);

  /// What it leads to here: a port of 127.0.0.1, whatever host it has. The error is one clause for people:
  /// ports below 1024, at which other programs expect the system's services, are not opened because
  /// a peer says so.
  Result<forward::LocalForward, std::string> local_forward() const;

  bool operator==(const HolesailRecord&) const = default;
};

}  // namespace hsfwd::cli
