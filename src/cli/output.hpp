// SPDX-License-Identifier: Apache-2.0
// What a command says: results on standard output, for people or as one JSON object a line; mistakes
// on standard error.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "util/time.hpp"

namespace hsfwd::cli {

using Json = nlohmann::ordered_json;

/// A duration as fields have it.
inline double millis(Duration time) {
  return static_cast<double>(time.to_micros()) / 1000;
}

/// A message as it may be told: on one line, without secrets.
std::string told(const std::string& message);

class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  bool json() const { return json_; }
  /// `fields` without "event"; `text` for people, empty if there is nothing to tell them.
  void event(const std::string& name, Json fields, const std::string& text) const;
  /// `code` in capitals for scripts, `message` one line for people.
  void error(const std::string& code, const std::string& message) const;
  /// Something could not be written to standard output, which is full or has nobody to read it.
  bool broken() const;

 private:
  const bool json_;
};

}  // namespace hsfwd::cli
