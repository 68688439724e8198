// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <fmt/format.h>

#include <algorithm>
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

std::string shortened(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  // Not in the middle of a letter of several bytes.
  while (max > 0 && (static_cast<std::uint8_t>(text[max]) & 0xc0) == 0x80) --max;
  return std::string(text.substr(0, max)) + "...";
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", printable(shortened(text)));
}

namespace {

/// Letters to be put in, left out, exchanged or swapped with a neighbour to get from one to the
/// other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> row(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        row[i][j] = i + j;
        continue;
      }
      const std::size_t changed = row[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[i][j] = std::min({changed, row[i - 1][j] + 1, row[i][j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[i][j] = std::min(row[i][j], row[i - 2][j - 2] + 1);
    }
  }
  return row[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names) {
  constexpr std::size_t kMaxWord = 32;
  if (word.empty() || word.size() > kMaxWord) return {};
  std::string_view best;
  std::size_t distance = word.size() <= 3 ? 2 : 3;
  std::size_t beginning = 0;
  for (const std::string_view name : names) {
    beginning += name.starts_with(word) ? 1 : 0;
    const std::size_t away = edit_distance(word, name);
    if (away < distance) {
      distance = away;
      best = name;
    }
  }
  if (best.empty() && beginning == 1) {
    for (const std::string_view name : names) {
      if (name.starts_with(word)) best = name;
    }
  }
  return best;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
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
