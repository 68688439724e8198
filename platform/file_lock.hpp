// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "platform/unique_fd.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// Held by one process at a time; the system lets go of it when that process ends, however it does.
class FileLock {
 public:
  /// Holds nothing.
  FileLock() = default;

  /// Makes the file, for its owner alone, unless it is there. The error is an errno, EWOULDBLOCK if
  /// another process holds the lock.
  static Result<FileLock, int> acquire(const std::string& path);

  /// A line for who finds the lock taken.
  void set_note(const std::string& note) const;
  /// Empty if there is none.
  static std::string note_of(const std::string& path);

 private:
  UniqueFd fd_;
};

}  // namespace hsfwd::platform
