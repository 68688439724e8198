// SPDX-License-Identifier: Apache-2.0
// Packets for tests, built field by field, with checksums that are computed the slow and obvious way.
#pragma once

#include "ip/network_order.hpp"
#include "ip/packet.hpp"
#include "util/bytes.hpp"

namespace hsfwd::ip_test {

/// The checksum of RFC 1071, word by word.
inline std::uint16_t slow_checksum(ByteView bytes, std::uint64_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? std::uint64_t{bytes[i]} << 8 : bytes[i];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline std::uint16_t slow_upper_checksum(ByteView addresses, std::uint8_t protocol,
                                         ByteView upper) {
  const std::uint16_t start = slow_checksum(addresses);
  return slow_checksum(upper,
                       std::uint64_t{protocol} + upper.size() + static_cast<std::uint16_t>(~start));
}

/// One packet of IPv4 or IPv6, without IP options.
struct Fields {
  bool v6 = false;
  std::uint8_t protocol = ip::protocol::kTcp;
  std::uint8_t host = 1;  // last byte of the source; the destination's is 9
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint16_t id = 100;
  std::uint16_t fragment = 0x4000;  // IPv4: flags and offset
  std::uint16_t source_port = 1000;
  std::uint16_t destination_port = 2000;
  std::uint32_t seq = 1;
  std::uint32_t ack = 1;
  std::uint8_t tcp_flags = ip::tcp_flag::kAck;
  std::uint16_t window = 500;
  Bytes options;  // of TCP, a multiple of four bytes
  Bytes payload;

  Bytes upper() const {
    Bytes out;
    if (protocol == ip::protocol::kTcp) {
      out.resize(ip::kTcpHeaderSize);
      ip::store_be32(&out[4], seq);
      ip::store_be32(&out[8], ack);
      out[12] = static_cast<std::uint8_t>((ip::kTcpHeaderSize + options.size()) / 4 << 4);
      out[13] = tcp_flags;
      ip::store_be16(&out[14], window);
      append(out, options);
    } else if (protocol == ip::protocol::kUdp) {
      out.resize(ip::kUdpHeaderSize);
      ip::store_be16(&out[4], static_cast<std::uint16_t>(ip::kUdpHeaderSize + payload.size()));
    }
    if (!out.empty()) {
      ip::store_be16(&out[0], source_port);
      ip::store_be16(&out[2], destination_port);
    }
    append(out, payload);
    return out;
  }

  Bytes ip_header(std::size_t upper_size) const {
    Bytes out(v6 ? ip::kIpv6HeaderSize : ip::kIpv4HeaderSize);
    if (v6) {
      out[0] = static_cast<std::uint8_t>(0x60 | tos >> 4);
      out[1] = static_cast<std::uint8_t>(tos << 4);
      ip::store_be16(&out[4], static_cast<std::uint16_t>(upper_size));
      out[6] = protocol;
      out[7] = ttl;
      out[8] = out[24] = 0xfd;
      out[23] = host;
      out[39] = 9;
      return out;
    }
    out[0] = 0x45;
    out[1] = tos;
    ip::store_be16(&out[2], static_cast<std::uint16_t>(out.size() + upper_size));
    ip::store_be16(&out[4], id);
    ip::store_be16(&out[6], fragment);
    out[8] = ttl;
    out[9] = protocol;
    out[12] = out[16] = 10;
    out[15] = host;
    out[19] = 9;
    ip::store_be16(&out[10], slow_checksum(out));
    return out;
  }

  Bytes build() const {
    Bytes transport = upper();
    Bytes out = ip_header(transport.size());
    const ByteView addresses = v6 ? ByteView(out).subspan(8, 32) : ByteView(out).subspan(12, 8);
    const bool tcp = protocol == ip::protocol::kTcp;
    if (tcp || protocol == ip::protocol::kUdp) {
      const std::uint16_t checksum = slow_upper_checksum(addresses, protocol, transport);
      ip::store_be16(&transport[tcp ? ip::kTcpChecksumAt : ip::kUdpChecksumAt],
                     checksum == 0 && !tcp ? 0xffff : checksum);
    }
    append(out, transport);
    return out;
  }
};

/// Bytes that differ from place to place.
inline Bytes pattern(std::size_t size, std::size_t from = 0) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>((from + i) * 37 >> 2);
  return out;
}

}  // namespace hsfwd::ip_test
