// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "cli/app.hpp"
#include "cli/output.hpp"
#include "forward/connection.hpp"

namespace hsfwd::cli {

/// Why the last client of a local address did not get to the peer, until one does; before the first, why the peer
/// said that none would.
class LastFailure {
 public:
  enum class Of { kClient, kQuestion };

  explicit LastFailure(App& app) : app_(app) {}

  /// `why`: one line for people.
  void set(Of of, const std::string& why);
  void clear() { failure_.reset(); }
  /// A client's connection is open, to what it wants.
  void on_open(std::uint64_t id);
  /// And over. `answers`: the peer is to say something, and who only sends is no success.
  void on_closed(const forward::ClosedConnection& closed, bool answers);

  /// The fields of an entry of `status`, which stay as they are if there is none.
  template <class Status>
  void fill(Status& status) const {
    if (!failure_) return;
    status.last_failure = told(failure_->why);
    status.last_failure_of = failure_->of == Of::kClient ? "client" : "question";
    status.last_failure_seconds = seconds();
  }

 private:
  std::uint64_t seconds() const;

  struct Failure {
    Of of;
    std::string why;
    Instant at;
  };
  App& app_;
  std::optional<Failure> failure_;
  std::set<std::uint64_t> open_;
};

/// A line of a table's notes.
std::string last_failure_text(const std::string& listen, const std::string& of,
                              const std::string& why, std::uint64_t seconds);

}  // namespace hsfwd::cli
