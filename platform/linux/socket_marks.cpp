// SPDX-License-Identifier: Apache-2.0
#include "platform/socket_marks.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {

bool set_mark(int socket, std::uint32_t mark) {
  return setsockopt(socket, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
}

}  // namespace

SocketMarks::Member::Member(SocketMarks& marks, int socket) : marks_(marks), socket_(socket) {
  marks_.sockets_.insert(socket_);
  marks_.apply_to(socket_);
}

SocketMarks::Member::~Member() {
  marks_.sockets_.erase(socket_);
}

bool SocketMarks::set(std::uint32_t mark) {
  const UniqueFd first = open_socket(AF_INET, SOCK_DGRAM);
  const auto take = [mark](int socket) { return set_mark(socket, mark); };
  const bool taken =
      first && take(first.get()) && std::all_of(sockets_.begin(), sockets_.end(), take);
  // To have none is in order even where the old one cannot be taken off any more: nobody asks for it.
  if (taken || mark == 0) {
    mark_ = mark;
    return true;
  }
  for (const int socket : sockets_) static_cast<void>(set_mark(socket, mark_));
  return false;
}

void SocketMarks::apply_to(int socket) const {
  if (mark_ != 0) static_cast<void>(set_mark(socket, mark_));
}

}  // namespace hsfwd::platform
