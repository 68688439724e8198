// SPDX-License-Identifier: Apache-2.0
// A program that is run for what it does, and says nothing unless it fails.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/loop.hpp"
#include "util/time.hpp"

namespace hsfwd::platform {

class Spawned {
 public:
  /// Empty if it ended well, else why not, in one clause for people.
  using Done = std::function<void(const std::string& problem)>;
  static constexpr Duration kPatience = 5_s;  // on a busy machine; it takes tens of milliseconds

  /// `words`: the program, looked for in $PATH, and its arguments. `done` is called in the loop, once, and
  /// may destroy this. A program that takes longer than `patience` is killed.
  Spawned(Loop& loop, const std::vector<std::string>& words, Done done,
          Duration patience = kPatience);
  /// The program goes on by itself.
  ~Spawned();
  Spawned(const Spawned&) = delete;
  Spawned& operator=(const Spawned&) = delete;

  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hsfwd::platform
