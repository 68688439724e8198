// SPDX-License-Identifier: Apache-2.0
#include "ip/checksum.hpp"

#include <bit>

namespace hsfwd::ip {

namespace {

std::uint64_t load64(const std::uint8_t* p) {
  std::uint64_t out;
  std::memcpy(&out, p, sizeof out);
  return out;
}

/// Ones' complement: what is carried out at the top comes in at the bottom.
void add_with_carry(std::uint64_t& sum, std::uint64_t value) {
  sum += value;
  sum += sum < value ? 1 : 0;
}

/// A 16-bit value as it lies in a packet, read as the machine reads, or the other way round.
std::uint16_t swap_to_network(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<std::uint16_t>((value << 8) | (value >> 8));
}

}  // namespace

void Sum::add(ByteView bytes) {
  // Four sums, so that no addition waits for the one before.
  std::uint64_t a = sum_;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  std::uint64_t d = 0;
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; left -= 32, p += 32) {
    add_with_carry(a, load64(p));
    add_with_carry(b, load64(p + 8));
    add_with_carry(c, load64(p + 16));
    add_with_carry(d, load64(p + 24));
  }
  for (; left >= 8; left -= 8, p += 8) add_with_carry(a, load64(p));
  if (left > 0) {
    std::uint8_t last[8] = {};
    std::memcpy(last, p, left);
    add_with_carry(b, load64(last));
  }
  add_with_carry(a, b);
  add_with_carry(c, d);
  add_with_carry(a, c);
  sum_ = a;
}

void Sum::add(std::uint16_t value) {
  add_with_carry(sum_, swap_to_network(value));
}

std::uint16_t Sum::folded() const {
  std::uint64_t sum = (sum_ >> 32) + (sum_ & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return swap_to_network(static_cast<std::uint16_t>(sum));
}

Sum pseudo_header(ByteView addresses, std::uint8_t protocol, std::size_t length) {
  Sum sum;
  sum.add(addresses);
  sum.add(std::uint16_t{protocol});
  sum.add(static_cast<std::uint16_t>(length >> 16));
  sum.add(static_cast<std::uint16_t>(length));
  return sum;
}

std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) {
  Sum sum;
  sum.add(static_cast<std::uint16_t>(~checksum));
  sum.subtract(before);
  sum.add(after);
  return sum.checksum();
}

}  // namespace hsfwd::ip
