// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/table.hpp"
#include "node/keys.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
bool lost = false;
}

// It may quote what was typed or read.
std::string told(const std::string& message) {
  return printable(without_secrets(message));
}

void Output::event(const std::string& name, const Json& fields, const std::string& text) const {
  if (json_) {
    Json line = {{"event", name}};
    line.update(fields);
    // Names from the network or the file system may be no UTF-8, which must not end the program,
    // and steer the terminal that shows them: all but ASCII is escaped.
    say(line.dump(-1, ' ', true, Json::error_handler_t::replace));
  } else if (!text.empty()) {
    say(printable_lines(text));
  }
}

void Output::say(const std::string& line) const {
  if (out_ != nullptr) {
    out_->write(line + "\n");
    return;
  }
  std::puts(line.c_str());
  std::fflush(stdout);
}

bool Output::broken() const {
  return std::ferror(stdout) != 0 || (out_ != nullptr && out_->failed());
}

void Output::error(const std::string& code, const std::string& message) const {
  if (json_) event("error", {{"code", code}, {"message", told(message)}}, "");
  note(message);
}

void Output::note(const std::string& message) const {
  const std::string line = told(message);
  if (err_ != nullptr) {
    err_->write(fmt::format("hsfwd: {}\n", line));
  } else {
    std::fprintf(stderr, "hsfwd: %s\n", line.c_str());
  }
}

void note_output_lost() {
  lost = true;
}

bool output_lost() {
  return lost || std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
}

std::string dropped_line(bool json, std::uint64_t lines) {
  if (json) return Json{{"event", "dropped"}, {"lines", lines}}.dump() + "\n";
  return fmt::format("hsfwd: {} dropped: nobody read them in time\n",
                     count_text(lines, "line was", "lines were"));
}

}  // namespace hsfwd::cli
