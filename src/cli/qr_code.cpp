// SPDX-License-Identifier: Apache-2.0
#include "cli/qr_code.hpp"

#include <fmt/format.h>
#include <qrcodegen.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

constexpr int kQuietZone = 4;  // modules on each side, ISO/IEC 18004 section 5.3.8
// Of the cube of colours, which themes leave alone.
constexpr std::string_view kQrColours = "\x1b[38;5;16;48;5;231m";
constexpr std::string_view kNoColours = "\x1b[0m";

std::string variable_of(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::optional<QrCode> qr_code(const std::string& text, QrStyle style) {
  std::vector<std::uint8_t> code(qrcodegen_BUFFER_LEN_MAX);
  std::vector<std::uint8_t> scratch(qrcodegen_BUFFER_LEN_MAX);
  if (!qrcodegen_encodeText(text.c_str(), scratch.data(), code.data(), qrcodegen_Ecc_LOW,
                            qrcodegen_VERSION_MIN, qrcodegen_VERSION_MAX, qrcodegen_Mask_AUTO,
                            true)) {
    return std::nullopt;
  }
  const int size = qrcodegen_getSize(code.data());
  const int width = size + 2 * kQuietZone;
  // Where nothing is drawn, it is as dark or as light as the terminal.
  const bool draws_dark = style.colour || style.light_background;
  const auto is_drawn = [&](int x, int y) {
    // Outside it is light.
    return qrcodegen_getModule(code.data(), x - kQuietZone, y - kQuietZone) == draws_dark;
  };
  QrCode out{.drawn = {}, .width = static_cast<std::size_t>(width)};
  for (int y = 0; y < width; y += 2) {
    if (y > 0) out.drawn += '\n';
    if (style.colour) out.drawn += kQrColours;
    for (int x = 0; x < width; ++x) {
      const bool upper = is_drawn(x, y);
      const bool lower = is_drawn(x, y + 1);
      out.drawn += upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ";
    }
    if (style.colour) out.drawn += kNoColours;
  }
  return out;
}

QrStyle style_of_output() {
  const std::string colours = variable_of("COLORFGBG");  // as "0;15", the background last
  const std::string background = colours.substr(colours.rfind(';') + 1);
  return {.colour = platform::output_takes_colours(),
          .light_background = background == "7" || background == "15"};
}

void draw_qr(const Output& output, const std::string& text) {
  const auto code = qr_code(text, style_of_output());
  if (!code) return output.note("no QR code: there is too much to say for one");
  if (platform::output_is_terminal() && code->width > platform::output_width()) {
    return output.note(fmt::format("no QR code: it is {} columns wide, and the terminal has {}",
                                   code->width, platform::output_width()));
  }
  output.picture(code->drawn);
}

}  // namespace hsfwd::cli
