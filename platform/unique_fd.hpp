// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace hsfwd::platform {

/// Owns a descriptor: of a file, a socket, whatever the system counts among them. Nothing else
/// closes one.
class UniqueFd {
 public:
  UniqueFd() = default;
  /// Takes over what a call has returned; negative is none.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  /// Negative if there is none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// It is the caller's to close then.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  /// Closes what it has. The error number of the call before stays, which is the one to be told of.
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) close_descriptor(old);
  }

 private:
  static void close_descriptor(int fd);

  int fd_ = -1;
};

}  // namespace hsfwd::platform
