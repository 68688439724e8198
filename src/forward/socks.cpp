// SPDX-License-Identifier: Apache-2.0
#include "forward/socks.hpp"

#include <algorithm>

#include "net/address.hpp"
#include "util/check.hpp"

namespace hsfwd::forward {

namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kOlderVersion = 4;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kNoAcceptableMethod = 0xff;
constexpr std::uint8_t kConnect = 1;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kName = 3;
constexpr std::uint8_t kIpv6 = 4;
constexpr std::size_t kHead = 4;  // version, command, reserved, kind of address
constexpr std::size_t kPort = 2;
constexpr std::uint8_t kRejectedByOlder = 91;

}  // namespace

SocksParser::Step SocksParser::take(std::size_t size) {
  HSFWD_CHECK(size <= need_ - have_);
  have_ += size;
  return size == 0 ? Step::kMore : check();
}

SocksParser::Step SocksParser::check() {
  if (bytes_[0] != kVersion) {
    return !greeted_ && bytes_[0] == kOlderVersion ? Step::kSocks4 : Step::kNotSocks;
  }
  if (have_ < need_) return Step::kMore;
  return greeted_ ? check_request() : check_greeting();
}

SocksParser::Step SocksParser::check_greeting() {
  const std::size_t whole = 2 + std::size_t{bytes_[1]};
  if (have_ < whole) return more(whole);
  const auto methods = ByteView(bytes_).subspan(2, bytes_[1]);
  if (std::find(methods.begin(), methods.end(), kNoAuthentication) == methods.end()) {
    return Step::kNoMethod;
  }
  greeted_ = true;
  have_ = 0;
  need_ = kHead + 1;
  return Step::kGreeted;
}

/// A request is read to its end before it is refused, so that the refusal is not lost by a reset.
SocksParser::Step SocksParser::check_request() {
  std::size_t address = 0;
  switch (bytes_[3]) {
    case kIpv4:
      address = 4;
      break;
    case kIpv6:
      address = 16;
      break;
    case kName:
      address = 1 + std::size_t{bytes_[kHead]};
      break;
    default:
      return refuse(SocksReply::kAddressNotSupported);
  }
  const std::size_t whole = kHead + address + kPort;
  if (have_ < whole) return more(whole);
  if (bytes_[1] != kConnect) return refuse(SocksReply::kCommandNotSupported);
  if (bytes_[3] == kIpv6) return refuse(SocksReply::kAddressNotSupported);
  return read_target();
}

SocksParser::Step SocksParser::read_target() {
  const auto bytes = ByteView(bytes_).first(have_);
  if (bytes_[3] == kName) {
    const auto name = bytes.subspan(kHead + 1, bytes_[kHead]);
    target_.host.assign(name.begin(), name.end());
  } else {
    target_.host = net::Ipv4::of(bytes[4], bytes[5], bytes[6], bytes[7]).to_string();
  }
  target_.port = static_cast<std::uint16_t>(bytes[have_ - 2] << 8 | bytes[have_ - 1]);
  if (target_.host.empty() || target_.port == 0) return refuse(SocksReply::kFailure);
  return Step::kRequest;
}

SocksParser::Step SocksParser::refuse(SocksReply why) {
  refusal_ = why;
  return Step::kRefused;
}

SocksParser::Step SocksParser::more(std::size_t size) {
  need_ = size;
  return Step::kMore;
}

Bytes socks_method() {
  return {kVersion, kNoAuthentication};
}

Bytes socks_no_method() {
  return {kVersion, kNoAcceptableMethod};
}

Bytes socks_reply(SocksReply reply) {
  return {kVersion, static_cast<std::uint8_t>(reply), 0, kIpv4, 0, 0, 0, 0, 0, 0};
}

Bytes socks4_refusal() {
  return {0, kRejectedByOlder, 0, 0, 0, 0, 0, 0};
}

}  // namespace hsfwd::forward
