// SPDX-License-Identifier: Apache-2.0
// What peers, files and command lines say, on its way to a terminal or a log.
#include "fuzz/input.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "util/text.hpp"

using namespace hsfwd;

namespace {

/// Shown text has nothing left to write out, whoever looks at it.
void check_shown(const std::string& shown, bool lines) {
  for (const char c : shown) {
    const auto byte = static_cast<std::uint8_t>(c);
    HSFWD_CHECK((byte >= 0x20 && byte != 0x7f) || (lines && c == '\n'));
  }
  // C1 and what turns the direction, in UTF-8.
  for (const char* steering : {"\xc2\x80", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6"}) {
    HSFWD_CHECK(shown.find(steering) == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const std::string line = printable(text);
  const std::string lines = printable_lines(text);
  check_shown(line, false);
  check_shown(lines, true);
  HSFWD_CHECK(printable(line) == line && printable_lines(lines) == lines);
  HSFWD_CHECK(line.size() >= text.size());
  check_shown(in_quotes(text), false);
  HSFWD_CHECK(shortened(text).size() <= 64 + 3 || shortened(text) == text);

  const std::string open = hyperdht::without_secrets(text);
  HSFWD_CHECK(hyperdht::without_secrets(open) == open);
  const auto address = hyperdht::HolesailAddress::parse(text);
  const bool one_word = text.find_first_of(" \t\r\n'\"") == std::string_view::npos;
  HSFWD_CHECK(!address || !address->shared_identity || !one_word || open != text);
  return 0;
}
