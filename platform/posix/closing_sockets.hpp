// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>

#include "platform/unique_fd.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::platform {

class Loop;

/// Sockets that are given up, until the other side has had a chance to read what was sent to it
/// last. A reset at once would cost it that: the kernel throws away what has not left yet, and a
/// program that is writing at that moment hears of the failed write first. What still comes in is
/// dropped.
class ClosingSockets {
 public:
  explicit ClosingSockets(Loop& loop);
  /// Resets what is left.
  ~ClosingSockets();
  ClosingSockets(const ClosingSockets&) = delete;
  ClosingSockets& operator=(const ClosingSockets&) = delete;

  /// Takes a socket over. `ended`: the own direction has ended in order; otherwise it is reset.
  void add(UniqueFd fd, bool ended);
  std::size_t count() const { return sockets_.size(); }

 private:
  struct Closing;

  void check_all();

  Loop& loop_;
  std::list<std::unique_ptr<Closing>> sockets_;  // oldest first
  Timer timer_;
};

/// Closing it then is a reset.
void refuse_orderly_end(int fd);

}  // namespace hsfwd::platform
