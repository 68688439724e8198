// SPDX-License-Identifier: Apache-2.0
#include "forward/socks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "ip/address.hpp"
#include "net/address.hpp"
#include "util/check.hpp"

namespace hsfwd::forward {

namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kOlderVersion = 4;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kNoAcceptableMethod = 0xff;
constexpr std::uint8_t kConnect = 1;
constexpr std::uint8_t kBind = 2;
constexpr std::uint8_t kUdpAssociate = 3;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kName = 3;
constexpr std::uint8_t kIpv6 = 4;
constexpr std::size_t kHead = 4;  // version, command, reserved, kind of address
constexpr std::size_t kPort = 2;
constexpr std::uint8_t kRejectedByOlder = 91;
// Of SOCKS4: version, command, port, address.
constexpr std::size_t kHeadOfOlder = 8;

std::uint16_t port_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

net::Ipv4 ipv4_at(ByteView bytes, std::size_t at) {
  return net::Ipv4::of(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

std::string command_text(std::uint8_t command) {
  if (command == kBind) return "BIND is not offered";
  if (command == kUdpAssociate) return "UDP ASSOCIATE is not offered";
  return fmt::format("command {} is not offered", command);
}

/// SOCKS4A has a name behind the user's, and an address that is none in its place.
std::string older_target(ByteView bytes) {
  if (bytes.size() < kHeadOfOlder) return "";
  SocksTarget out{ipv4_at(bytes, 4).to_string(), port_at(bytes, 2)};
  if (bytes[4] == 0 && bytes[5] == 0 && bytes[6] == 0) {
    const std::string_view rest = as_text(bytes.subspan(kHeadOfOlder));
    const std::size_t user_end = rest.find('\0');
    if (user_end == std::string_view::npos) return "";
    out.host = rest.substr(user_end + 1, rest.find('\0', user_end + 1) - user_end - 1);
  }
  return out.text();
}

/// Browsers that were told of an HTTP proxy: the word for what they want, the address, the version.
std::string_view http_request(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return line.find(" HTTP/") != std::string_view::npos ? line : std::string_view();
}

}  // namespace

std::string SocksTarget::text() const {
  if (host.empty()) return "";
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string other_than_socks5(ByteView beginning) {
  if (!beginning.empty() && beginning[0] == kOlderVersion) {
    const std::string target = older_target(beginning);
    return "SOCKS4 is not offered, SOCKS5 is" + (target.empty() ? "" : "; it asked for " + target);
  }
  const std::string_view request = http_request(beginning);
  if (request.empty()) return "it does not speak SOCKS5";
  return fmt::format("it speaks HTTP, and this port SOCKS5; it asked: {}", request);
}

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
      return refuse(SocksReply::kAddressNotSupported,
                    fmt::format("addresses of the kind {} are not offered", bytes_[3]));
  }
  const std::size_t whole = kHead + address + kPort;
  if (have_ < whole) return more(whole);
  read_target();
  if (bytes_[1] != kConnect) {
    return refuse(SocksReply::kCommandNotSupported, command_text(bytes_[1]));
  }
  if (bytes_[3] == kIpv6) {
    return refuse(SocksReply::kAddressNotSupported, "IPv6 addresses are not offered");
  }
  if (target_.host.empty()) return refuse(SocksReply::kFailure, "it names no host");
  if (target_.port == 0) return refuse(SocksReply::kFailure, "0 is not a valid port");
  return Step::kRequest;
}

void SocksParser::read_target() {
  const ByteView bytes = taken();
  if (bytes[3] == kName) {
    target_.host = as_text(bytes.subspan(kHead + 1, bytes[kHead]));
  } else if (bytes[3] == kIpv6) {
    ip::Ipv6 host;
    copy_bytes(bytes.subspan(kHead, host.bytes.size()), host.bytes);
    target_.host = host.to_string();
  } else {
    target_.host = ipv4_at(bytes, kHead).to_string();
  }
  target_.port = port_at(bytes, have_ - kPort);
}

SocksParser::Step SocksParser::refuse(SocksReply reply, std::string why) {
  refusal_ = reply;
  why_refused_ = std::move(why);
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
