// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

namespace hsfwd::platform {

/// The terminal on standard output while something is shown there that changes: what was on it comes
/// back at the end, and what is typed is not shown.
class LiveScreen {
 public:
  /// output_is_screen() has to hold.
  LiveScreen();
  ~LiveScreen();
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  /// In place of what was there: lines, of which as many are shown as the terminal has, each as wide. They may
  /// have colours, and nothing else that steers a terminal. False: it is gone.
  bool draw(const std::string& text);
  /// Gives the terminal back and stops this process, as job control does, until it is continued.
  void stop_process();

 private:
  struct Input;

  void enter();
  void leave();

  std::unique_ptr<Input> input_;  // how it was before; none where nobody types
};

}  // namespace hsfwd::platform
