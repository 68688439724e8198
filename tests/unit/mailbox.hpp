// SPDX-License-Identifier: Apache-2.0
// Where datagrams to the service manager and the journal come to in tests.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "unit/platform/scratch.hpp"

namespace hsfwd {

class Mailbox {
 public:
  Mailbox() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      std::abort();
    }
  }
  ~Mailbox() { close(fd_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// All that has come.
  std::vector<std::string> take() const {
    std::vector<std::string> out;
    std::string datagram(256 * 1024, '\0');
    for (;;) {
      const ssize_t size = recv(fd_, datagram.data(), datagram.size(), MSG_DONTWAIT);
      if (size < 0) return out;
      out.push_back(datagram.substr(0, static_cast<std::size_t>(size)));
    }
  }

 private:
  const platform::Scratch scratch_;

 public:
  const std::string path = scratch_.path + "/socket";

 private:
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

/// The fields of an entry of the journal, as the journal reads them.
inline std::map<std::string, std::string> journal_entry(const std::string& datagram) {
  std::map<std::string, std::string> out;
  for (std::size_t at = 0; at < datagram.size();) {
    const std::size_t end = datagram.find('\n', at);
    if (end == std::string::npos) std::abort();
    const std::string line = datagram.substr(at, end - at);
    at = end + 1;
    if (const std::size_t equals = line.find('='); equals != std::string::npos) {
      out[line.substr(0, equals)] = line.substr(equals + 1);
      continue;
    }
    std::uint64_t size = 0;
    for (std::size_t i = 8; i-- > 0;) {
      size = size << 8 | static_cast<std::uint8_t>(datagram.at(at + i));
    }
    out[line] = datagram.substr(at + 8, size);
    at += 8 + size;
    if (datagram.at(at++) != '\n') std::abort();
  }
  return out;
}

/// What $JOURNAL_STREAM says of a descriptor that leads to the journal.
inline std::string journal_stream(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) std::abort();
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

}  // namespace hsfwd
