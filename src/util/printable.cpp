// SPDX-License-Identifier: Apache-2.0
// What of a text can be shown as it is: UTF-8 as RFC 3629 has it, without what steers a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "util/text.hpp"

namespace hsfwd {

namespace {

struct Letter {
  char32_t code = 0;
  std::size_t size = 1;  // bytes
};

/// The letter that `text` begins with; nothing if its first byte begins none: one cut off, written
/// longer than it has to be, half of a surrogate pair, or beyond the last.
std::optional<Letter> first_letter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return Letter{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  char32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};  // by size
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[size] || surrogate || code > 0x10ffff) return std::nullopt;
  return Letter{code, size};
}

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode's categories Cc, Zl and Zp, and of Cf what has no shape of its own: they move the cursor,
// turn the direction of what follows, or hide in what looks like another text.
constexpr Range kUnseen[] = {
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // zero width, left-to-right and right-to-left mark
    {0x2028, 0x202e},    // line and paragraph separator, embeddings and overrides
    {0x2060, 0x206f},    // invisible operators, isolates
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe0fff},  // tags and variation selectors that no letter needs
};

bool is_unseen(char32_t code) {
  return std::any_of(std::begin(kUnseen), std::end(kUnseen),
                     [&](Range range) { return code >= range.first && code <= range.last; });
}

std::string written_out(char32_t code) {
  if (code == '\n') return "\\n";
  const auto number = static_cast<std::uint32_t>(code);
  return code < 0x80 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{:04x}", number);
}

std::string shown(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto letter = first_letter(text);
    const std::size_t size = letter ? letter->size : 1;
    if (!letter) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text[0]));
    } else if (is_unseen(letter->code) && !(lines && letter->code == '\n')) {
      out += written_out(letter->code);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) {
  return shown(text, false);
}
std::string printable_lines(std::string_view text) {
  return shown(text, true);
}

}  // namespace hsfwd
