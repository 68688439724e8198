// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <cstdio>

#include "hyperdht/key_text.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

// It may quote what was typed or read.
std::string told(const std::string& message) {
  return printable(hyperdht::without_secrets(message));
}

void Output::event(const std::string& name, Json fields, const std::string& text) const {
  if (json_) {
    Json line = {{"event", name}};
    line.update(fields);
    // Names from the network or the file system may be no UTF-8, which must not end the program, and
    // steer the terminal that shows them: all but ASCII is escaped.
    std::puts(line.dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
  } else if (!text.empty()) {
    std::puts(printable_lines(text).c_str());
  }
  std::fflush(stdout);
}

bool Output::broken() const { return std::ferror(stdout) != 0; }

void Output::error(const std::string& code, const std::string& message) const {
  const std::string line = told(message);
  if (json_) event("error", {{"code", code}, {"message", line}}, "");
  std::fprintf(stderr, "hsfwd: %s\n", line.c_str());
}

}  // namespace hsfwd::cli
