// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <cstdio>

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

void Output::error(const std::string& code, const std::string& message) const {
  if (json_) event("error", {{"code", code}, {"message", message}}, "");
  std::fprintf(stderr, "hsfwd: %s\n", message.c_str());
}

}  // namespace hsfwd::cli
