// SPDX-License-Identifier: Apache-2.0
#include "resolver/query.hpp"

#include <algorithm>

#include "util/text.hpp"

namespace hsfwd::resolver {

namespace {

constexpr std::size_t kTypeAndClass = 4;
constexpr std::size_t kRootRecord = 11;   // name, type, class, TTL, length
constexpr std::uint8_t kDnssecOk = 0x80;  // of the third byte of an OPT's TTL

std::uint16_t u16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// What is behind the question: nothing, or one OPT. Nothing else belongs in a query, except for
/// signatures, which say what nobody here can check.
bool parse_additional(ByteView rest, std::size_t count, std::optional<Edns>& edns) {
  if (count == 0) return rest.empty();
  if (count > 1 || rest.size() < kRootRecord || rest[0] != 0 || u16(rest, 1) != kTypeOpt)
    return false;
  if (rest.size() != kRootRecord + u16(rest, 9)) return false;
  edns = Edns{.version = rest[6], .dnssec_ok = (rest[7] & kDnssecOk) != 0};
  // Options are pairs of code and length; which of them there are does not matter.
  ByteView options = rest.subspan(kRootRecord);
  while (!options.empty()) {
    if (options.size() < 4 || options.size() - 4 < u16(options, 2)) return false;
    options = options.subspan(4u + u16(options, 2));
  }
  return true;
}

}  // namespace

std::optional<Name> Name::parse(ByteView bytes) {
  Name out;
  out.bytes_ = bytes;
  for (std::size_t at = 0; at < std::min(bytes.size(), kMaxSize); at += bytes[at] + 1u) {
    out.offsets_[out.count_] = static_cast<std::uint8_t>(at);
    if (bytes[at] == 0) return out;
    if (bytes[at] > kMaxLabel) return std::nullopt;
    ++out.count_;
  }
  return std::nullopt;
}

std::string_view Name::label(std::size_t i) const {
  return as_text(bytes_.subspan(offsets_[i] + 1u, bytes_[offsets_[i]]));
}

bool Name::label_is(std::size_t i, std::string_view lower_case) const {
  const std::string_view own = label(i);
  return std::equal(own.begin(), own.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

Result<Query, Refusal> Query::parse(ByteView message) {
  if (message.size() < kHeaderSize || (message[2] & kResponse) != 0) return Err(Refusal::kSilence);
  if ((message[2] & kOpcode) != 0) return Err(Refusal::kNotImplemented);
  const std::size_t questions = u16(message, 4);
  const std::size_t answers = u16(message, 6);
  const std::size_t authorities = u16(message, 8);
  if (questions != 1 || answers != 0 || authorities != 0 || (message[2] & kTruncated) != 0) {
    return Err(Refusal::kFormat);
  }
  const ByteView body = message.subspan(kHeaderSize);
  const auto name = Name::parse(body);
  if (!name || body.size() < name->size() + kTypeAndClass) return Err(Refusal::kFormat);
  Query out;
  out.id = u16(message, 0);
  out.recursion_desired = (message[2] & kRecursionDesired) != 0;
  out.checking_disabled = (message[3] & kCheckingDisabled) != 0;
  out.question = body.first(name->size() + kTypeAndClass);
  out.name = *name;
  out.type = u16(body, name->size());
  out.klass = u16(body, name->size() + 2);
  const ByteView rest = body.subspan(out.question.size());
  if (!parse_additional(rest, u16(message, 10), out.edns)) return Err(Refusal::kFormat);
  return out;
}

}  // namespace hsfwd::resolver
