// SPDX-License-Identifier: Apache-2.0
// What a client of SOCKS says (RFC 1928), byte by byte, and the answers to it. Only CONNECT without
// authentication is offered.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "util/bytes.hpp"

namespace hsfwd::forward {

/// RFC 1928 section 6.
enum class SocksReply : std::uint8_t {
  kSucceeded = 0,
  kFailure = 1,
  kNotAllowed = 2,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kRefused = 5,
  kExpired = 6,
  kCommandNotSupported = 7,
  kAddressNotSupported = 8,
};

/// Where a client wants to be led.
struct SocksTarget {
  std::string host;  // an IPv4 address in four numbers, or a name as the client has it: any bytes
  std::uint16_t port = 0;

  /// "example.org:443", as the client has it; empty if it has named no host.
  std::string text() const;
};

/// Reads one client's words. Exactly as many bytes as its next message still has are asked for, so that what
/// the client sends behind its request stays where it is.
class SocksParser {
 public:
  enum class Step {
    kMore,      // the message goes on
    kGreeted,   // it can do without authentication: answer socks_method()
    kNoMethod,  // it cannot: answer socks_no_method(), then close
    kRequest,   // target() is complete: answer socks_reply()
    kRefused,   // it wants what is not offered: answer socks_reply(refusal()), then close
    kSocks4,    // an older version: answer socks4_refusal(), then close
    kNotSocks,  // close
  };

  /// Room for what is still missing of the message: at least one byte until a step was another than kMore
  /// and kGreeted.
  MutableBytes wanted() { return MutableBytes(bytes_).subspan(have_, need_ - have_); }
  /// The first `size` bytes of wanted() have been filled.
  Step take(std::size_t size);

  /// Of what was refused as well, as far as it says.
  const SocksTarget& target() const { return target_; }
  SocksReply refusal() const { return refusal_; }
  /// What of it is not offered, one clause for people.
  const std::string& why_refused() const { return why_refused_; }
  /// What the message has so far.
  ByteView taken() const { return ByteView(bytes_).first(have_); }

 private:
  // Head, and a name of 255 bytes with its port.
  static constexpr std::size_t kLongest = 4 + 1 + 255 + 2;

  Step check();
  Step check_greeting();
  Step check_request();
  void read_target();
  Step refuse(SocksReply reply, std::string why);
  Step more(std::size_t size);

  std::array<std::uint8_t, kLongest> bytes_{};
  std::size_t have_ = 0;
  std::size_t need_ = 2;
  bool greeted_ = false;
  SocksTarget target_;
  SocksReply refusal_ = SocksReply::kFailure;
  std::string why_refused_;
};

/// Who speaks something else than SOCKS5, by its first bytes, of which there may be more than these: what that is
/// and what it asks for, one clause for people with bytes as they came.
std::string other_than_socks5(ByteView beginning);

Bytes socks_method();
Bytes socks_no_method();
/// Without an address of ours, which says nothing about a peer's connection.
Bytes socks_reply(SocksReply reply);
Bytes socks4_refusal();

}  // namespace hsfwd::forward
