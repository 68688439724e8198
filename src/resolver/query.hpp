// SPDX-License-Identifier: Apache-2.0
// What a DNS query asks (RFC 1035 section 4.1, EDNS: RFC 6891 section 6.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "resolver/protocol.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::resolver {

/// A name in the bytes that it came in, without the label of the root.
class Name {
 public:
  static constexpr std::size_t kMaxSize = 255;  // with the root; RFC 1035 section 2.3.4
  static constexpr std::size_t kMaxLabel = 63;

  /// The name at the beginning of `bytes`. Nothing if it is not whole, too long, or has a pointer or
  /// a label of an unknown kind.
  static std::optional<Name> parse(ByteView bytes);

  std::size_t count() const { return count_; }
  /// Where label `i` begins, with its length. `i` may be count(): the root.
  std::size_t offset(std::size_t i) const { return offsets_[i]; }
  std::string_view label(std::size_t i) const;
  /// The same but for the case.
  bool label_is(std::size_t i, std::string_view lower) const;
  /// With the root.
  std::size_t size() const { return offsets_[count_] + 1u; }

 private:
  ByteView bytes_;
  std::array<std::uint8_t, kMaxSize / 2 + 1> offsets_{};  // the shortest label has two bytes
  std::size_t count_ = 0;
};

enum class Refusal {
  kSilence,         // no query: who answers answers gets into a loop
  kNotImplemented,  // another opcode
  kFormat,
};

struct Edns {
  std::uint8_t version = 0;
  bool dnssec_ok = false;
};

struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  ByteView question;  // name, type, class
  Name name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::optional<Edns> edns;

  /// Views into `message`. The size that EDNS names is not among it: answers are smaller than any
  /// that it can name.
  static Result<Query, Refusal> parse(ByteView message);
};

}  // namespace hsfwd::resolver
