// SPDX-License-Identifier: Apache-2.0
#include "platform/journal.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "platform/posix/socket.hpp"
#include "util/bytes.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kCut = " [cut]";

/// As syslog numbers them.
int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
    case LogLevel::kDebug:
      return 7;
    case LogLevel::kInfo:
      return 6;
    case LogLevel::kWarning:
      return 4;
    case LogLevel::kError:
    case LogLevel::kOff:
      return 3;
  }
  return 6;
}

/// No character of several bytes is left in part.
std::string_view beginning(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

/// In the form that has the value's size, so that whatever is in it is part of it.
void add(std::string& entry, std::string_view name, std::string_view value) {
  std::array<char, 8> size;  // little-endian
  for (std::size_t i = 0; i < size.size(); ++i) {
    size[i] = static_cast<char>(static_cast<std::uint64_t>(value.size()) >> (8 * i) & 0xFF);
  }
  entry.append(name).append("\n").append(size.data(), size.size()).append(value).append("\n");
}

bool is_behind(int fd) {
  const char* const variable = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (variable == nullptr || fstat(fd, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == variable;
}

}  // namespace

std::unique_ptr<Journal> Journal::behind(int fd, const char* socket) {
  const std::string_view path = socket;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (!is_behind(fd) || path.size() >= sizeof(to.sun_path)) return nullptr;
  path.copy(static_cast<char*>(to.sun_path), path.size());
  UniqueFd out = open_socket(AF_UNIX, SOCK_DGRAM);
  if (!out || connect(out.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return nullptr;
  }
  return std::unique_ptr<Journal>(new Journal(std::move(out)));
}

bool Journal::send(LogLevel level, std::string_view message, std::span<const Field> fields) const {
  const std::string_view kept = beginning(message, kMaxMessage);
  std::string entry;
  add(entry, "MESSAGE", kept.size() < message.size() ? std::string(kept) + kCut : message);
  add(entry, "PRIORITY", std::to_string(priority_of(level)));
  add(entry, "SYSLOG_IDENTIFIER", "hsfwd");
  for (const Field& field : fields) add(entry, field.name, beginning(field.value, kMaxValue));
  return send_bytes(socket_.get(), as_bytes(entry)) == static_cast<ssize_t>(entry.size());
}

std::string plain_line(LogLevel level, std::string_view message) {
  std::string out;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find('\n'), message.size());
    out += fmt::format("<{}>{}\n", priority_of(level), message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return out;
}

}  // namespace hsfwd::platform
