// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/events/notices.hpp"
#include "cli/journal_fields.hpp"
#include "cli/table.hpp"
#include "node/keys.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
bool lost = false;

std::string without_line_end(std::string lines) {
  if (lines.ends_with('\n')) lines.pop_back();
  return lines;
}
}  // namespace

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
  } else if (ways_.out_journal == nullptr) {
    tell(text);
  } else {
    enter(event, text);
  }
}

void Output::tell(const std::string& text) const {
  if (!text.empty()) say(printable_lines(text));
}

/// In the journal, with what the event has beside.
void Output::enter(const Json& event, const std::string& text) const {
  if (text.empty()) return;
  const JournalFields fields(event);
  const std::string shown = printable_lines(text);
  if (ways_.out_journal->send(LogLevel::kInfo, shown, fields.all())) return;
  say(without_line_end(platform::plain_line(LogLevel::kInfo, shown)));
}

void Output::say(const std::string& line) const {
  if (ways_.out != nullptr) {
    ways_.out->write(line + "\n");
    return;
  }
  std::puts(line.c_str());
  std::fflush(stdout);
}

bool Output::broken() const {
  return std::ferror(stdout) != 0 || (ways_.out != nullptr && ways_.out->failed());
}

void Output::error(const std::string& code, const std::string& message,
                   const std::string& peer) const {
  if (json_) event(events::Error{code, told(message)}, "");
  complain(LogLevel::kError, message, {{"event", "error"}, {"code", code}, {"peer", peer}});
}

void Output::note(const std::string& message) const {
  complain(LogLevel::kWarning, message, Json::object());
}

void Output::complain(LogLevel level, const std::string& message, const Json& fields) const {
  std::string line = told(message);
  if (ways_.err_journal != nullptr) {
    if (ways_.err_journal->send(level, line, JournalFields(fields).all())) return;
    line = platform::plain_line(level, line);
  } else {
    line = fmt::format("hsfwd: {}\n", line);
  }
  write_error(line);
}

void Output::redraw(const std::string& line) const {
  constexpr const char* kClear = "\r\x1b[K";
  write_error(kClear + told(line));
}

void Output::write_error(const std::string& text) const {
  if (ways_.err != nullptr) {
    ways_.err->write(text);
  } else {
    std::fputs(text.c_str(), stderr);
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
