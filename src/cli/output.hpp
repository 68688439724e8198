// SPDX-License-Identifier: Apache-2.0
// What a command says: results on standard output, for people or as one JSON object per line;
// errors on standard error.
#pragma once

#include <string>

#include "cli/events/event.hpp"
#include "platform/background_writer.hpp"
#include "platform/journal.hpp"
#include "util/log.hpp"
#include "util/time.hpp"

namespace hsfwd::cli {

/// A duration as it stands in fields.
inline double millis(Duration time) {
  return static_cast<double>(time.to_micros()) / 1000;
}

/// A message as it may be shown: on one line, without secrets.
std::string told(const std::string& message);

/// On one line, and in ASCII: names from the network or the file system may be no UTF-8, which must not end
/// the program, and steer the terminal that shows them.
std::string json_line(const Json& json);

/// The event's name, and its fields.
template <Event T>
Json tagged(const T& event) {
  Json out = {{"event", T::kName}};
  out.update(encode(event));
  return out;
}
template <Event T>
std::string json_line(const T& event) {
  return json_line(tagged(event));
}

class Output {
 public:
  /// Where it goes, of which any may be missing, and which outlive it.
  struct Ways {
    platform::BackgroundWriter* out = nullptr;
    platform::BackgroundWriter* err = nullptr;
    const platform::Journal* out_journal = nullptr;  // what standard output and error lead to
    const platform::Journal* err_journal = nullptr;
  };
  /// Waits for nobody that there is a way to, and for whoever reads otherwise.
  Output(bool json, const Ways& ways) : json_(json), ways_(ways) {}
  explicit Output(bool json) : Output(json, Ways()) {}

  bool json() const { return json_; }
  /// `text` for people, empty if there is none.
  template <Event T>
  void event(const T& event, const std::string& text) const {
    if (json_) {
      say(json_line(event));
    } else if (ways_.out_journal == nullptr) {
      tell(text);
    } else {
      enter(tagged(event), text);
    }
  }
  /// Gives a text that may be shown the colours of a terminal.
  using Paint = std::string (*)(const std::string& text);
  /// An event that another process has made.
  void pass_on(const Json& event, const std::string& text) const;
  /// Lines that this program has drawn, as they are; for people alone.
  void picture(const std::string& drawn) const {
    if (!json_) say(drawn);
  }
  /// `code` in capitals for scripts, `message` one line for people. `peer` for the journal: whom it is about, as a key
  /// that people know.
  void error(const std::string& code, const std::string& message,
             const std::string& peer = {}) const;
  /// One line for people, on standard error.
  void note(const std::string& message) const;
  /// A line on standard error, which is a terminal, in the place of the one that was drawn there before.
  void redraw(const std::string& line) const;
  /// Something could not be written to standard output, which is full or has nobody to read it.
  bool broken() const;

 private:
  void say(const std::string& line) const;
  void tell(const std::string& text) const;
  void enter(const Json& event, const std::string& text) const;
  void complain(LogLevel level, const std::string& message, const Json& fields) const;
  void write_error(const std::string& text) const;

  const bool json_;
  const Ways ways_;
};

/// For the exit code: includes what a background writer could not write.
void note_output_lost();
bool output_lost();
/// The line about lines that nobody read in time.
std::string dropped_line(bool json, std::uint64_t lines);

}  // namespace hsfwd::cli
