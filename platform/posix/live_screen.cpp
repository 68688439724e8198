// SPDX-License-Identifier: Apache-2.0
#include "platform/live_screen.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "platform/common/handle.hpp"
#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

namespace {

// Of ECMA-48 and xterm, which all terminals of today know: the other screen, without a cursor and without lines
// that go on in the next one.
constexpr std::string_view kOtherScreen = "\x1b[?1049h";
constexpr std::string_view kPrepareScreen = "\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kToBegin = "\x1b[H";
constexpr std::string_view kEndLine = "\x1b[K";  // clears the rest of it
constexpr std::string_view kClearBelow = "\x1b[J";

// For a terminal that somebody has made non-blocking, and that is full.
constexpr int kFullPatience = 1000;  // ms

enum class Written { kAll, kFull, kGone };

Written write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (size > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd room{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      if (poll(&room, 1, kFullPatience) == 0) return Written::kFull;
    } else if (size == 0 || errno != EINTR) {
      return Written::kGone;
    }
  }
  return Written::kAll;
}

/// Signals are typed as before.
void set_quiet(termios modes) {
  modes.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
  static_cast<void>(tcsetattr(STDIN_FILENO, TCSADRAIN, &modes));
}

/// The terminal on standard input, opened anew: to read without waiting must not make it so for those it is shared with.
UniqueFd own_input() {
  std::array<char, 128> path{};
  if (ttyname_r(STDIN_FILENO, path.data(), path.size()) != 0) return {};
  return UniqueFd(open(path.data(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

struct LiveScreen::Input {
  termios before{};
  UniqueFd keys;
  std::unique_ptr<Poll> poll;  // goes first
};

LiveScreen::LiveScreen(Loop& loop, Typed typed) : loop_(loop), typed_(std::move(typed)) {
  enter();
}

LiveScreen::~LiveScreen() {
  leave();
}

void LiveScreen::enter() {
  auto input = std::make_unique<Input>();
  if (tcgetattr(STDIN_FILENO, &input->before) == 0) {
    set_quiet(input->before);
    input_ = std::move(input);
    listen();
  }
  static_cast<void>(write_all(kOtherScreen));
  static_cast<void>(write_all(kPrepareScreen));
}

/// Where it cannot be had, signals are what is left.
void LiveScreen::listen() {
  input_->keys = own_input();
  if (!input_->keys) return;
  try {
    input_->poll = std::make_unique<Poll>(loop_, input_->keys.get(), [this](int) { on_input(); });
    input_->poll->watch(UV_READABLE);
  } catch (const std::system_error&) {
    input_->poll.reset();
  }
}

/// What is typed while others have the terminal is theirs, and whoever reads it nevertheless is stopped.
void LiveScreen::on_input() {
  std::array<char, 256> keys{};
  const bool ours = tcgetpgrp(STDIN_FILENO) == getpgrp();
  const ssize_t size = ours ? read(input_->keys.get(), keys.data(), keys.size()) : 0;
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (size <= 0) return input_->poll->cancel();
  typed_({keys.data(), static_cast<std::size_t>(size)});
}

bool LiveScreen::hears() const {
  return input_ && input_->poll;
}

std::size_t LiveScreen::rows() const {
  constexpr std::size_t kUsual = 24;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return known ? size.ws_row : kUsual;
}

void LiveScreen::leave() {
  static_cast<void>(write_all(kLeaveScreen));
  // What was typed meanwhile is for nobody.
  if (input_) static_cast<void>(tcsetattr(STDIN_FILENO, TCSAFLUSH, &input_->before));
  input_.reset();
}

bool LiveScreen::draw(const std::string& text) {
  std::string out(kToBegin);
  std::size_t left = rows();
  for (std::size_t at = 0; at < text.size() && left > 0; --left) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.append(text, at, end - at);
    out += kEndLine;
    if (left > 1) out += "\r\n";
    at = end + 1;
  }
  if (left > 0) out += kClearBelow;
  return write_all(out) != Written::kGone;
}

void LiveScreen::stop_process() {
  leave();
  kill(getpid(), SIGSTOP);
  enter();
}

void LiveScreen::resume() {
  if (input_) set_quiet(input_->before);
  if (hears()) input_->poll->watch(UV_READABLE);
  static_cast<void>(write_all(kPrepareScreen));
}

}  // namespace hsfwd::platform
