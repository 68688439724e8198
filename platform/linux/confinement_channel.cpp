// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/confinement_channel.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hsfwd::platform {

namespace {

constexpr std::size_t kMaxText = 4096;  // a line for people, or a resolv.conf
constexpr std::size_t kMaxDescriptors = 3;
constexpr time_t kPatience = 10;  // seconds; what is asked for takes milliseconds

struct Head {
  ConfinementWord word;
  int number;
};

/// Room for descriptors beside a message, aligned as it has to be.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
};

}  // namespace

ConfinementChannel open_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {};
  ConfinementChannel channel{UniqueFd(ends[0]), UniqueFd(ends[1])};
  const timeval patience{.tv_sec = kPatience, .tv_usec = 0};
  setsockopt(channel.outside.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return channel;
}

bool send_message(int channel, const ConfinementMessage& message) {
  Head head{message.word, message.number};
  std::string text = message.text.substr(0, kMaxText);
  iovec parts[] = {{&head, sizeof head}, {text.data(), text.size()}};
  msghdr out{};
  out.msg_iov = parts;
  out.msg_iovlen = 2;
  Control control{};
  const std::size_t count = std::min(message.descriptors.size(), kMaxDescriptors);
  if (count > 0) {
    out.msg_control = control.bytes;
    out.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&out);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) {
      const int fd = message.descriptors[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  return sendmsg(channel, &out, MSG_NOSIGNAL) >= 0;
}

bool send_word(int channel, ConfinementWord word, int number) {
  const Head head{word, number};
  return send(channel, &head, sizeof head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

std::optional<ConfinementMessage> receive_message(int channel, bool wait) {
  Head head{};
  char text[kMaxText];
  iovec parts[] = {{&head, sizeof head}, {text, sizeof text}};
  Control control{};
  msghdr in{};
  in.msg_iov = parts;
  in.msg_iovlen = 2;
  in.msg_control = control.bytes;
  in.msg_controllen = sizeof control.bytes;
  ssize_t size = -1;
  do {
    size = recvmsg(channel, &in, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (size < 0 && errno == EINTR);
  if (size < static_cast<ssize_t>(sizeof head)) {
    if (size >= 0) errno = EPIPE;
    return std::nullopt;
  }
  ConfinementMessage message{
      head.word, head.number, std::string(text, static_cast<std::size_t>(size) - sizeof head), {}};
  for (cmsghdr* part = CMSG_FIRSTHDR(&in); part != nullptr; part = CMSG_NXTHDR(&in, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
  return message;
}

}  // namespace hsfwd::platform
