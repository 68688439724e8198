// SPDX-License-Identifier: Apache-2.0
#include "platform/live_screen.hpp"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace hsfwd::platform {

namespace {

// Of ECMA-48 and xterm, which all terminals of today know: the other screen, without a cursor and without lines
// that go on in the next one.
constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kToBegin = "\x1b[H";
constexpr std::string_view kEndLine = "\x1b[K";  // clears the rest of it
constexpr std::string_view kClearBelow = "\x1b[J";

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

std::size_t screen_rows() {
  constexpr std::size_t kUsual = 24;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return known ? size.ws_row : kUsual;
}

}  // namespace

struct LiveScreen::Input {
  termios before{};
};

LiveScreen::LiveScreen() {
  enter();
}

LiveScreen::~LiveScreen() {
  leave();
}

void LiveScreen::enter() {
  auto input = std::make_unique<Input>();
  if (tcgetattr(STDIN_FILENO, &input->before) == 0) {
    termios quiet = input->before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);  // signals are typed as before
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0) input_ = std::move(input);
  }
  static_cast<void>(write_all(kEnterScreen));
}

void LiveScreen::leave() {
  static_cast<void>(write_all(kLeaveScreen));
  // What was typed meanwhile is for nobody.
  if (input_) static_cast<void>(tcsetattr(STDIN_FILENO, TCSAFLUSH, &input_->before));
  input_.reset();
}

bool LiveScreen::draw(const std::string& text) {
  std::string out(kToBegin);
  std::size_t left = screen_rows();
  for (std::size_t at = 0; at < text.size() && left > 0; --left) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.append(text, at, end - at);
    out += kEndLine;
    if (left > 1) out += "\r\n";
    at = end + 1;
  }
  if (left > 0) out += kClearBelow;
  return write_all(out);
}

void LiveScreen::stop_process() {
  leave();
  kill(getpid(), SIGSTOP);
  enter();
}

}  // namespace hsfwd::platform
