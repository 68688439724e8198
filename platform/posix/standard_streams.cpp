// SPDX-License-Identifier: Apache-2.0
#include "platform/standard_streams.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

std::size_t width_of(int fd) {
  constexpr std::size_t kUsual = 80;
  constexpr std::size_t kLeast = 40;  // less has no room for a key and what belongs to it
  constexpr std::size_t kMost = 1000;
  winsize size{};
  std::size_t width = 0;
  if (ioctl(fd, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  if (const char* const columns = std::getenv("COLUMNS"); width == 0 && columns != nullptr) {
    width = parse_decimal(columns, kMost).value_or(0);
  }
  return width == 0 ? kUsual : std::clamp(width, kLeast, kMost);
}

}  // namespace

void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    // The lowest number that is free, which is this one.
    static_cast<void>(open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR));
  }
}

bool input_is_terminal() {
  return isatty(STDIN_FILENO) != 0;
}

bool output_is_terminal() {
  return isatty(STDOUT_FILENO) == 1;
}

bool output_is_screen() {
  const char* const terminal = std::getenv("TERM");
  if (terminal == nullptr || *terminal == '\0' || std::strcmp(terminal, "dumb") == 0) return false;
  return output_is_terminal();
}

bool error_is_terminal() {
  return isatty(STDERR_FILENO) == 1;
}

bool output_takes_colours() {
  const char* const none = std::getenv("NO_COLOR");
  return (none == nullptr || *none == '\0') && output_is_screen();
}

std::size_t output_width() {
  return width_of(STDOUT_FILENO);
}

std::size_t error_width() {
  return width_of(STDERR_FILENO);
}

}  // namespace hsfwd::platform
