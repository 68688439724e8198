// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/events.hpp"
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

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

void Output::pass_on(const Json& event, const std::string& text) const {
  if (json_) {
    say(json_line(event));
  } else {
    tell(text);
  }
}

void Output::tell(const std::string& text) const {
  if (!text.empty()) say(printable_lines(text));
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
  if (json_) event(events::Error{code, told(message)}, "");
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
  if (json) return json_line(events::Dropped{lines}) + "\n";
  return fmt::format("hsfwd: {} dropped: nobody read them in time\n",
                     count_text(lines, "line was", "lines were"));
}

}  // namespace hsfwd::cli
