// SPDX-License-Identifier: Apache-2.0
// What two hsfwd peers tell each other behind the last field of the Noise payload. Stock peers ignore
// trailing bytes; the block is encrypted and authenticated with the rest of the payload.
//
//   "hsfwd" (5 bytes) | version uint = 1 | body buffer
//   body: features uint | service string | services array(string)
//
// The client names the service it wants, or none for the default; the server names the one that it
// connects, or none if it has no such service, and all that it has.
//
// Feature bits: 1, from a client: no service is wanted, the connection itself is looked at.
//
// Unknown features are ignored, and so are bytes behind the fields a reader knows. The layout is
// documented in docs/protocol/forward.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/writer.hpp"

namespace hsfwd::hyperdht {

struct Extension {
  static constexpr std::uint64_t kVersion = 1;
  // Feature bits.
  static constexpr std::uint64_t kNoService = 1;
  static constexpr std::uint64_t kSealedEnd = 2;
  static constexpr std::uint64_t kSecretKeys = 4;
  static constexpr std::uint64_t kFirstRecord = 8;

  std::uint64_t features = 0;
  std::string service;
  std::vector<std::string> services;

  bool wants_service() const { return (features & kNoService) == 0; }

  void write(codec::Writer& writer) const;
  /// Nothing unless the bytes begin with a block of a version this program knows.
  static std::optional<Extension> read(ByteView trailing);
};

}  // namespace hsfwd::hyperdht
