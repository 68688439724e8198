// SPDX-License-Identifier: Apache-2.0
#include "resolver/responder.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "util/check.hpp"
#include "util/text.hpp"

namespace hsfwd::resolver {

namespace {

constexpr std::string_view kZone = "hsfwd";

// Seconds. A name leads somewhere else after a reload, and a peer that is added is soon looked for.
constexpr std::uint32_t kTtl = 30;
constexpr std::uint32_t kNegativeTtl = 5;
// Of zones that nobody transfers.
constexpr std::uint32_t kSerial = 1;
constexpr std::uint32_t kRefresh = 3600;
constexpr std::uint32_t kRetry = 600;
constexpr std::uint32_t kExpire = 86400;

// What we take over UDP ourselves: with its headers, the packet that every path of IPv6 takes.
constexpr std::uint16_t kEdnsSize = 1232;

constexpr std::size_t kRecordHead = 12;  // a pointer for its name, type, class, TTL, length
constexpr std::size_t kSoaData = 24;     // two pointers, five numbers
constexpr std::size_t kPtrData = 1 + Name::kMaxLabel + 1 + kZone.size() + 1;
constexpr std::size_t kOptRecord = 11;
static_assert(kHeaderSize + Name::kMaxSize + 4 + kRecordHead + std::max(kSoaData, kPtrData) +
                  kOptRecord <=
              kMaxAnswer);

/// An answer as it is written. Names in it are written out, or point into the question's.
class Answer {
 public:
  explicit Answer(const Query& query) : edns_(query.edns) {
    u16(query.id);
    u8(kResponse | (query.recursion_desired ? kRecursionDesired : 0));
    u8(query.checking_disabled ? kCheckingDisabled : 0);
    u16(1);  // counts: one question
    for (int i = 0; i < 3; ++i) u16(0);
    append(out_, query.question);
  }

  void authoritative() { out_[2] |= kAuthoritative; }
  void record(std::uint16_t type, ByteView data) {
    head(kAnswers, 0, type, kTtl, data.size());
    append(out_, data);
  }
  /// `zone`: where its name begins in the question's.
  void soa(std::size_t zone, bool asked) {
    head(asked ? kAnswers : kAuthorities, zone, kTypeSoa, asked ? kTtl : kNegativeTtl, kSoaData);
    pointer(zone);
    pointer(zone);
    for (const std::uint32_t n : {kSerial, kRefresh, kRetry, kExpire, kNegativeTtl}) u32(n);
  }
  Bytes finish(Rcode rcode) && {
    const auto code = static_cast<std::uint8_t>(rcode);
    out_[3] = static_cast<std::uint8_t>(out_[3] | (code & 0xf));
    if (edns_) opt(static_cast<std::uint8_t>(code >> 4));
    HSFWD_CHECK(out_.size() <= kMaxAnswer);
    return std::move(out_);
  }

 private:
  // Where the counts are whose second byte is enough.
  static constexpr std::size_t kAnswers = 7;
  static constexpr std::size_t kAuthorities = 9;
  static constexpr std::size_t kAdditional = 11;

  void u8(int value) { out_.push_back(static_cast<std::uint8_t>(value)); }
  void u16(std::size_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void pointer(std::size_t offset) { u16(0xc000 | (kHeaderSize + offset)); }
  void head(std::size_t count, std::size_t name, std::uint16_t type, std::uint32_t ttl,
            std::size_t size) {
    ++out_[count];
    pointer(name);
    u16(type);
    u16(kClassInternet);
    u32(ttl);
    u16(size);
  }
  void opt(std::uint8_t upper_rcode) {
    ++out_[kAdditional];
    u8(0);
    u16(kTypeOpt);
    u16(kEdnsSize);
    u8(upper_rcode);
    u8(0);  // our version
    u16(edns_->dnssec_ok ? 0x8000 : 0);
    u16(0);
  }

  Bytes out_;
  const std::optional<Edns> edns_;
};

/// An answer to what cannot be read: a header.
Bytes bare(ByteView message, Rcode rcode) {
  Bytes out(kHeaderSize);
  copy_bytes(message.first(2), out);
  out[2] = static_cast<std::uint8_t>(kResponse | (message[2] & (kOpcode | kRecursionDesired)));
  out[3] = static_cast<std::uint8_t>(rcode);
  return out;
}

Bytes ptr_data(const std::string& label) {
  Bytes out;
  for (const std::string_view part : {std::string_view(label), kZone, std::string_view()}) {
    out.push_back(static_cast<std::uint8_t>(part.size()));
    append(out, as_bytes(part));
  }
  return out;
}

/// How the addresses of a family are written backwards, under arpa.
struct Reverse {
  std::string_view label;
  bool ipv4;
  int begin;   // bits of an ip::Ipv6 before its first label
  int bits;    // in a label
  int labels;  // of a whole address
};
constexpr Reverse kReverse[] = {{"in-addr", true, ip::Prefix::kIpv4Bits, 8, 4},
                                {"ip6", false, 0, 4, 32}};

std::optional<std::uint32_t> digit_of(std::string_view label, const Reverse& reverse) {
  if (reverse.ipv4) {
    if (label.size() > 1 && label[0] == '0') return std::nullopt;
    const auto octet = parse_decimal(label, 255);
    return octet ? std::optional(static_cast<std::uint32_t>(*octet)) : std::nullopt;
  }
  const auto byte = label.size() == 1 ? from_hex('0' + std::string(label)) : std::nullopt;
  return byte ? std::optional<std::uint32_t>((*byte)[0]) : std::nullopt;
}

/// The address that the last `count` labels before the last two begin; nothing if one of them is no
/// part of an address.
std::optional<ip::Ipv6> address_of(const Name& name, const Reverse& reverse, int count) {
  ip::Ipv6 out = reverse.ipv4 ? ip::Ipv6::mapped(0) : ip::Ipv6::any();
  for (int i = 0; i < count; ++i) {
    const auto digit =
        digit_of(name.label(name.count() - 3 - static_cast<std::size_t>(i)), reverse);
    if (!digit) return std::nullopt;
    const int bit = reverse.begin + i * reverse.bits;
    std::uint8_t& byte = out.bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte | *digit << (8 - reverse.bits - bit % 8));
  }
  return out;
}

}  // namespace

Responder::Responder(NameTable table, std::vector<ip::Prefix> networks)
    : table_(std::move(table)), networks_(std::move(networks)) {}

bool Responder::is_foreign(ByteView message) const {
  const auto query = Query::parse(message);
  return query && !(query->klass == kClassInternet && find(query->name));
}

Bytes Responder::answer(ByteView message) const {
  const auto query = Query::parse(message);
  if (!query) {
    if (query.error() == Refusal::kSilence) return {};
    const bool format = query.error() == Refusal::kFormat;
    return bare(message, format ? Rcode::kFormatError : Rcode::kNotImplemented);
  }
  Answer out(*query);
  if (query->edns && query->edns->version != 0) return std::move(out).finish(Rcode::kBadVersion);
  const auto found = query->klass == kClassInternet ? find(query->name) : std::nullopt;
  if (!found) return std::move(out).finish(Rcode::kRefused);
  out.authoritative();
  const std::size_t zone = query->name.offset(found->zone);
  if (query->type == kTypeAaaa && found->host && found->host->ipv6) {
    out.record(kTypeAaaa, found->host->ipv6->bytes);
  } else if (query->type == kTypeA && found->host && found->host->ipv4) {
    out.record(kTypeA, ByteView(found->host->ipv4->bytes).last(4));
  } else if (query->type == kTypePtr && found->target) {
    out.record(kTypePtr, ptr_data(table_.label_of(*found->target)));
  } else {
    out.soa(zone, query->type == kTypeSoa && found->zone == 0);
  }
  return std::move(out).finish(found->exists ? Rcode::kNoError : Rcode::kNameError);
}

std::optional<Responder::Found> Responder::find(const Name& name) const {
  if (const auto host = find_host(name)) return host;
  return find_reverse(name);
}

std::optional<Responder::Found> Responder::find_host(const Name& name) const {
  if (name.count() == 0 || !name.label_is(name.count() - 1, kZone)) return std::nullopt;
  Found out{.zone = name.count() - 1};
  if (name.count() == 2) out.host = table_.find(name.label(0));
  out.exists = name.count() == 1 || out.host;
  return out;
}

std::optional<Responder::Found> Responder::find_reverse(const Name& name) const {
  if (name.count() < 2 || !name.label_is(name.count() - 1, "arpa")) return std::nullopt;
  const int count = static_cast<int>(name.count()) - 2;
  for (const ip::Prefix& network : networks_) {
    const Reverse& reverse = kReverse[network.is_ipv4() ? 0 : 1];
    // A zone begins between two labels: a network that ends within one is several.
    const int own = (network.length() + reverse.bits - 1) / reverse.bits;
    if (!name.label_is(name.count() - 2, reverse.label) || count < own) continue;
    const auto base = address_of(name, reverse, own);
    if (!base || !network.contains(*base)) continue;
    Found out{.zone = static_cast<std::size_t>(count - own)};
    const auto address = address_of(name, reverse, std::min(count, reverse.labels));
    if (address && count == reverse.labels) out.target = table_.find(*address);
    out.exists = out.target || (address && count < reverse.labels);
    return out;
  }
  return std::nullopt;
}

}  // namespace hsfwd::resolver
