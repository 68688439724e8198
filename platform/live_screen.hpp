// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hsfwd::platform {

class Loop;

/// The terminal on standard output while something is shown there that changes: what was on it comes
/// back at the end, and what is typed is not shown.
class LiveScreen {
 public:
  /// `typed` is called within a dispatch with what is typed; it must not destroy the screen.
  using Typed = std::function<void(std::string_view keys)>;

  /// output_is_screen() has to hold.
  LiveScreen(Loop& loop, Typed typed);
  ~LiveScreen();
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  /// Somebody can type, and is heard.
  bool hears() const;
  /// How many lines there is room for.
  std::size_t rows() const;
  /// In place of what was there: lines, of which as many are shown as the terminal has, each as wide. They may
  /// have colours, and nothing else that steers a terminal. False: it is gone. A terminal that takes nothing for a
  /// while misses a picture.
  bool draw(const std::string& text);
  /// Gives the terminal back and stops this process, as job control does, until it is continued.
  void stop_process();
  /// After SIGCONT: others may have had the terminal meanwhile.
  void resume();

 private:
  struct Input;

  void enter();
  void leave();
  void listen();
  void on_input();

  Loop& loop_;
  const Typed typed_;
  std::unique_ptr<Input> input_;  // how it was before; none where nobody types
};

}  // namespace hsfwd::platform
