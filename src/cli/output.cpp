// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <cstdio>

#include "util/text.hpp"

namespace hsfwd::cli {

void Output::event(const std::string& name, Json fields, const std::string& text) const {
  if (json_) {
    Json line = {{"event", name}};
    line.update(fields);
    // Names from the network or the file system may be no UTF-8; they must not end the program.
    std::puts(line.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else if (!text.empty()) {
    std::puts(text.c_str());
  }
  std::fflush(stdout);
}

bool Output::broken() const { return std::ferror(stdout) != 0; }

void Output::error(const std::string& code, const std::string& message) const {
  // It quotes what was typed or read, and is one line all the same.
  const std::string line = printable(message);
  if (json_) event("error", {{"code", code}, {"message", line}}, "");
  std::fprintf(stderr, "hsfwd: %s\n", line.c_str());
}

}  // namespace hsfwd::cli
