// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace hsfwd {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kZ32Alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769";
constexpr std::int8_t kNoDigit = -1;

constexpr std::array<std::int8_t, 256> reverse_alphabet(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = kNoDigit;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
    if (alphabet[i] < 'a' || alphabet[i] > 'z') continue;
    table[static_cast<std::uint8_t>(alphabet[i] - 'a' + 'A')] = static_cast<std::int8_t>(i);
  }
  return table;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kNoDigit;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t b : bytes) {
    out.push_back(kHexDigits[b >> 4]);
    out.push_back(kHexDigits[b & 15]);
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::string to_z32(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t window = 0;
  int bits = 0;
  for (const std::uint8_t b : bytes) {
    window = window << 8 | b;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(kZ32Alphabet[window >> bits & 31]);
    }
  }
  if (bits > 0) out.push_back(kZ32Alphabet[window << (5 - bits) & 31]);
  return out;
}

std::optional<Bytes> from_z32(std::string_view text) {
  static constexpr auto kReverse = reverse_alphabet(kZ32Alphabet);
  Bytes out;
  out.reserve(text.size() * 5 / 8);
  std::uint32_t window = 0;
  int bits = 0;
  for (const char c : text) {
    const std::int8_t digit = kReverse[static_cast<std::uint8_t>(c)];
    if (digit == kNoDigit) return std::nullopt;
    window = window << 5 | static_cast<std::uint32_t>(digit);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(window >> bits));
    }
  }
  const std::uint32_t spare = window & ((1U << bits) - 1);
  if (bits >= 5 || spare != 0) return std::nullopt;
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x" + to_hex({&byte, 1});
    } else {
      out += c;
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  // Not in the middle of a letter of several bytes.
  while (max > 0 && (static_cast<std::uint8_t>(text[max]) & 0xc0) == 0x80) --max;
  return std::string(text.substr(0, max)) + "...";
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", printable(shortened(text)));
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace hsfwd
