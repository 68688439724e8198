// SPDX-License-Identifier: Apache-2.0
// Texts as QR codes in a terminal, two modules a character.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cli/output.hpp"

namespace hsfwd::cli {

struct QrStyle {
  bool colour = false;            // black on white, whatever the terminal has
  bool light_background = false;  // without colour: what nothing is drawn on
};

struct QrCode {
  std::string drawn;  // lines, without a newline after the last one
  std::size_t width;  // columns
};
/// With its quiet zone. Nothing if the text is too long for one.
std::optional<QrCode> qr_code(const std::string& text, QrStyle style);

/// What suits standard output: colour on a terminal, unless NO_COLOR is set; COLORFGBG says whether it is a light one.
QrStyle style_of_output();

/// Draws it below what has been said, for people alone. One that does not fit the terminal is told of in its place.
void draw_qr(const Output& output, const std::string& text);

}  // namespace hsfwd::cli
