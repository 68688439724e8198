// SPDX-License-Identifier: Apache-2.0
// What two hsfwd peers tell each other of the streams of their session, each a record of its control stream:
//
//   kind uint | number uint | what belongs to the kind
//
//   kOpen    service string | features uint, optional
//   kAccept  service string | services array(string) | features uint, optional
//   kRefuse  text string
//   kReset   text string
//
// Bytes behind that are ignored. docs/protocol/forward.md, section 11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::hyperdht {

struct SessionMessage {
  enum class Kind : std::uint64_t {
    kOpen = 1,
    kAccept = 2,
    kRefuse = 3,
    kReset = 4,
  };
  /// Bytes of a wanted service: a name, or a destination.
  static constexpr std::size_t kMaxService = 300;
  /// Names that an acceptance may hold, and bytes that a refusal may say.
  static constexpr std::size_t kMaxServices = 1024;
  static constexpr std::size_t kMaxText = 200;

  Kind kind = Kind::kOpen;
  std::uint64_t number = 0;
  std::string
      service;  // kOpen: the wanted one, empty for the default. kAccept: the one that is connected
  std::vector<std::string> services;  // kAccept: all that there are, if the wanted one is not
  // kOpen, kAccept: the packets that are to travel beside the stream, Extension::kKindsOfPackets; 0: none
  std::uint64_t features = 0;
  std::string text;  // kRefuse, kReset: one line for people; kReset: may be empty

  Bytes encode() const;

  /// What comes from a peer. A kind of a later version, which is to be ignored, has its number and nothing else.
  /// Errors: kMalformed for what breaks the layout, kTooLarge for what breaks a bound.
  static Result<SessionMessage> decode(ByteView record);
};

}  // namespace hsfwd::hyperdht
