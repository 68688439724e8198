// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/app.hpp"
#include "cli/event.hpp"

namespace hsfwd::cli {

/// Why the last client of a local address did not get to the peer, until one does.
class LastFailure {
 public:
  explicit LastFailure(App& app) : app_(app) {}

  /// `why`: one line for people; empty where a client ended before anything was known.
  void set(const std::string& why);
  void clear() { failure_.reset(); }

  /// The fields of an entry of `status`, which stay as they are if there is none.
  void fill(Omittable<std::string>& why, Omittable<std::uint64_t>& seconds) const;

 private:
  struct Failure {
    std::string why;
    Instant at;
  };
  App& app_;
  std::optional<Failure> failure_;
};

/// A line of a table's notes.
std::string last_failure_text(const std::string& listen, const std::string& why,
                              std::uint64_t seconds);

}  // namespace hsfwd::cli
