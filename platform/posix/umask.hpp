// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

namespace hsfwd::platform {

/// What is made meanwhile lacks these permissions from the first moment.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  ~Umask() { umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  const mode_t before_;
};

}  // namespace hsfwd::platform
