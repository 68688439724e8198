// SPDX-License-Identifier: Apache-2.0
// Bytes as text and back: hexadecimal, z-base-32, decimal numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/bytes.hpp"

namespace hsfwd {

/// Lower case, two digits a byte.
std::string to_hex(ByteView bytes);
/// Either case; nothing on an odd length or any other character.
std::optional<Bytes> from_hex(std::string_view text);

/// z-base-32 (alphabet ybndrfg8ejkmcpqxot1uwisza345h769), most significant bit first; the last
/// character is filled up with zero bits. 32 bytes give 52 characters.
std::string to_z32(ByteView bytes);
/// Either case; nothing on any other character, or on what to_z32 would not write: one key has one
/// text.
std::optional<Bytes> from_z32(std::string_view text);

/// The text as a terminal and a log can be shown it, on one line and in UTF-8: what steers a
/// terminal, turns the direction of the text or is not seen is written out (\n, \x1b, \u202e), and
/// so are bytes that are no UTF-8 (\xff). Whatever peers, files or command lines say goes through
/// it.
std::string printable(std::string_view text);
/// The same of a text of ours in several lines, which stay.
std::string printable_lines(std::string_view text);

/// A text that is not longer than that, or its beginning and "...".
std::string shortened(std::string_view text, std::size_t max = 64);
/// What somebody has typed, as messages show it: in quotes, shortened, on one line.
std::string in_quotes(std::string_view text);

/// The one of `names` that `word` was probably meant to be: one or two letters away from it (one
/// for words of up to three letters), or the only one that begins with it. Empty if there is none.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names);

/// Letters of ASCII in lower case, and everything else as it is: DNS knows no others.
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string lower(std::string_view text);

/// A decimal number without sign, spaces or leading plus, at most `max`.
std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max);

}  // namespace hsfwd
