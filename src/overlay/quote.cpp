// SPDX-License-Identifier: Apache-2.0
#include "overlay/quote.hpp"

#include "ip/network_order.hpp"

namespace hsfwd::overlay {

namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
constexpr std::size_t kPortsSize = 4;
constexpr std::size_t kEchoIdEnd = 6;
constexpr std::size_t kFragmentHeaderSize = 8;
constexpr std::uint8_t kFragmentHeader = 44;

// ICMP for IPv4.
constexpr std::uint8_t kEchoReplyV4 = 0;
constexpr std::uint8_t kUnreachableV4 = 3;
constexpr std::uint8_t kEchoV4 = 8;
constexpr std::uint8_t kTimeExceededV4 = 11;
constexpr std::uint8_t kParameterProblemV4 = 12;
// ICMPv6. Errors are below the first query; 1 to 4 are unreachable, too big, time exceeded, parameter problem.
constexpr std::uint8_t kLastErrorV6 = 4;
constexpr std::uint8_t kFirstQueryV6 = 128;
constexpr std::uint8_t kEchoV6 = 128;
constexpr std::uint8_t kEchoReplyV6 = 129;
constexpr std::uint8_t kRedirectV6 = 137;

bool is_v4(const ip::Packet& packet) {
  return packet.family() == ip::Family::kIpv4;
}

bool is_known_error(bool v4, std::uint8_t type) {
  if (!v4) return type >= 1 && type <= kLastErrorV6;
  return type == kUnreachableV4 || type == kTimeExceededV4 || type == kParameterProblemV4;
}

/// RFC 792, RFC 950, RFC 1256.
bool is_query_v4(std::uint8_t type) {
  return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}

/// What of the upper layer there is says, if `first`: if it begins where it should.
void read_upper(Quote& out, ByteView upper, bool first) {
  if (!first) return;
  const bool has_ports = out.protocol == ip::protocol::kTcp || out.protocol == ip::protocol::kUdp;
  if (has_ports && upper.size() >= kPortsSize) {
    out.ports = ip::Packet::Ports{ip::load_be16(&upper[0]), ip::load_be16(&upper[2])};
  }
  out.echo = echo_of(out.protocol, upper);
}

std::optional<Quote> quoted_ipv4(ByteView bytes) {
  if (bytes.size() < ip::kIpv4HeaderSize || bytes[0] >> 4 != 4) return std::nullopt;
  const std::size_t header = static_cast<std::size_t>(bytes[0] & 0x0f) * 4;
  if (header < ip::kIpv4HeaderSize || header > bytes.size()) return std::nullopt;
  Quote out{.source = ip::Ipv6::mapped(ip::load_be32(&bytes[12])),
            .destination = ip::Ipv6::mapped(ip::load_be32(&bytes[16])),
            .protocol = bytes[9]};
  read_upper(out, bytes.subspan(header), (ip::load_be16(&bytes[6]) & 0x1fff) == 0);
  return out;
}

/// Without extension headers, but for one of a fragment: what a host sends that is told of the size of
/// a path. Of others no ports are read.
std::optional<Quote> quoted_ipv6(ByteView bytes) {
  if (bytes.size() < ip::kIpv6HeaderSize || bytes[0] >> 4 != 6) return std::nullopt;
  Quote out{.source = ip::Ipv6::from(bytes.subspan(8)),
            .destination = ip::Ipv6::from(bytes.subspan(24)),
            .protocol = bytes[6]};
  if (out.source.is_mapped() || out.destination.is_mapped()) return std::nullopt;
  ByteView upper = bytes.subspan(ip::kIpv6HeaderSize);
  bool first = true;
  if (out.protocol == kFragmentHeader && upper.size() >= kFragmentHeaderSize) {
    out.protocol = upper[0];
    first = ip::load_be16(&upper[2]) >> 3 == 0;
    upper = upper.subspan(kFragmentHeaderSize);
  }
  read_upper(out, upper, first);
  return out;
}

}  // namespace

std::optional<Echo> echo_of(std::uint8_t protocol, ByteView upper) {
  const bool v4 = protocol == ip::protocol::kIcmp;
  if ((!v4 && protocol != ip::protocol::kIcmpv6) || upper.size() < kEchoIdEnd) return std::nullopt;
  const std::uint8_t request = v4 ? kEchoV4 : kEchoV6;
  const std::uint8_t reply = v4 ? kEchoReplyV4 : kEchoReplyV6;
  if (upper[0] != request && upper[0] != reply) return std::nullopt;
  return Echo{.id = ip::load_be16(&upper[4]), .is_reply = upper[0] == reply};
}

bool is_error(const ip::Packet& packet) {
  const bool v4 = is_v4(packet);
  if (packet.protocol != (v4 ? ip::protocol::kIcmp : ip::protocol::kIcmpv6)) return false;
  if (packet.fragment && !packet.first_fragment) return false;
  if (packet.upper().empty()) return true;
  const std::uint8_t type = packet.upper()[0];
  return v4 ? !is_query_v4(type) : type < kFirstQueryV6 || type == kRedirectV6;
}

std::optional<Quote> quote_of(const ip::Packet& error) {
  const bool v4 = is_v4(error);
  const ByteView icmp = error.upper();
  if (!is_error(error) || icmp.size() < kIcmpHeaderSize) return std::nullopt;
  if (!is_known_error(v4, icmp[0])) return std::nullopt;
  const ByteView quoted = icmp.subspan(kIcmpHeaderSize);
  return v4 ? quoted_ipv4(quoted) : quoted_ipv6(quoted);
}

}  // namespace hsfwd::overlay
