// SPDX-License-Identifier: Apache-2.0
// What a command says: results on standard output, for people or as one JSON object per line;
// errors on standard error.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "platform/background_writer.hpp"
#include "util/time.hpp"

namespace hsfwd::cli {

using Json = nlohmann::ordered_json;

/// A duration as it stands in fields.
inline double millis(Duration time) {
  return static_cast<double>(time.to_micros()) / 1000;
}

/// A message as it may be shown: on one line, without secrets.
std::string told(const std::string& message);

class Output {
 public:
  /// Waits for whoever reads.
  explicit Output(bool json) : json_(json) {}
  /// Waits for nobody; the writers, of which either may be missing, outlive it.
  Output(bool json, platform::BackgroundWriter* out, platform::BackgroundWriter* err)
      : json_(json), out_(out), err_(err) {}

  bool json() const { return json_; }
  /// `fields` without "event"; `text` for people, empty if there is none.
  void event(const std::string& name, const Json& fields, const std::string& text) const;
  /// `code` in capitals for scripts, `message` one line for people.
  void error(const std::string& code, const std::string& message) const;
  /// One line for people, on standard error.
  void note(const std::string& message) const;
  /// Something could not be written to standard output, which is full or has nobody to read it.
  bool broken() const;

 private:
  void say(const std::string& line) const;

  const bool json_;
  platform::BackgroundWriter* out_ = nullptr;
  platform::BackgroundWriter* err_ = nullptr;
};

/// For the exit code: includes what a background writer could not write.
void note_output_lost();
bool output_lost();
/// The line about lines that nobody read in time.
std::string dropped_line(bool json, std::uint64_t lines);

}  // namespace hsfwd::cli
