// SPDX-License-Identifier: Apache-2.0
// UDP with as few system calls as Linux needs for it: recvmmsg with UDP_GRO, sendmmsg with
// UDP_SEGMENT. Where the kernel or a device refuses segmentation it is left off.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/common/handle.hpp"
#include "platform/common/sockaddr.hpp"
#include "platform/common/udp_options.hpp"
#include "platform/posix/listen_problem.hpp"
#include "platform/posix/socket.hpp"
#include "platform/socket_marks.hpp"

namespace hsfwd::platform {

namespace {

constexpr int kUdpSegment = 103;  // UDP_SEGMENT, UDP_GRO: older headers lack the names
constexpr int kUdpGro = 104;

constexpr std::size_t kReceiveSlots = 16;
constexpr std::size_t kReceiveSlotSize = 65536;  // what GRO puts together at most
constexpr int kMaxRounds = 8;                    // of receiving before others get their turn
constexpr std::size_t kMaxSegments = 64;         // UDP_MAX_SEGMENTS
constexpr std::size_t kMaxGsoBytes = 65000;      // an IP packet's payload, with room to spare
constexpr std::size_t kMaxMessages = 64;
constexpr int kMaxRefusals = 8;  // of segmentation alone, before it is left off

/// Memory for receiving, used by one socket at a time: a dispatch is done with it before the next.
struct ReceiveArena {
  struct Slot {
    sockaddr_in from;
    iovec vec;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int)) + 64> control;
  };
  std::unique_ptr<std::uint8_t[]> memory{new std::uint8_t[kReceiveSlots * kReceiveSlotSize]};
  std::array<Slot, kReceiveSlots> slots;
  std::array<mmsghdr, kReceiveSlots> headers;
  std::vector<net::InboundDatagram> batch;

  void prepare() {
    for (std::size_t i = 0; i < kReceiveSlots; ++i) {
      Slot& slot = slots[i];
      slot.vec = {memory.get() + i * kReceiveSlotSize, kReceiveSlotSize};
      headers[i] = {};
      msghdr& h = headers[i].msg_hdr;
      h.msg_name = &slot.from;
      h.msg_namelen = sizeof slot.from;
      h.msg_iov = &slot.vec;
      h.msg_iovlen = 1;
      h.msg_control = slot.control.data();
      h.msg_controllen = slot.control.size();
    }
  }

  /// Size of the datagrams the kernel has put together, if it has.
  static std::size_t segment_size(msghdr& h) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&h); c != nullptr; c = CMSG_NXTHDR(&h, c)) {
      if (c->cmsg_level == SOL_UDP && c->cmsg_type == kUdpGro) {
        int size = 0;
        std::memcpy(&size, CMSG_DATA(c), sizeof size);
        return static_cast<std::size_t>(size);
      }
    }
    return 0;
  }

  void collect(std::size_t count, std::size_t largest) {
    batch.clear();
    for (std::size_t i = 0; i < count; ++i) {
      msghdr& h = headers[i].msg_hdr;
      MutableBytes rest(memory.get() + i * kReceiveSlotSize, headers[i].msg_len);
      const net::Address from = from_sockaddr(slots[i].from);
      const std::size_t segment = segment_size(h);
      do {
        const std::size_t size = segment == 0 ? rest.size() : std::min(segment, rest.size());
        if (size <= largest) batch.push_back({from, rest.first(size)});
        rest = rest.subspan(size);
      } while (!rest.empty());
    }
  }
};

/// One sendmmsg in the making.
struct SendArena {
  struct Message {
    sockaddr_in to;
    std::size_t first_vec = 0;
    std::size_t datagrams = 0;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t)) +
                                                  CMSG_SPACE(sizeof(int))> control;
  };
  std::array<Message, kMaxMessages> messages;
  std::array<mmsghdr, kMaxMessages> headers;
  std::array<iovec, kMaxMessages * 3> vecs;
  std::size_t message_count = 0;
  std::size_t vec_count = 0;
};

class LinuxUdpSocket final : public net::UdpSocket {
 public:
  LinuxUdpSocket(Loop& loop, ReceiveArena& receive, SendArena& send, UniqueFd fd,
                 const net::Address& local, net::UdpObserver& observer, bool for_programs)
      : fd_(std::move(fd)),
        marks_(loop.socket_marks()),
        for_programs_(for_programs),
        local_(local),
        observer_(observer),
        receive_(receive),
        send_(send),
        poll_(loop, fd_.get(), [this](int events) { on_ready(events); }) {
    if (!for_programs) marked_.emplace(marks_, fd_.get());
    poll_.watch(UV_READABLE);
  }

  void cancel() override { cancelled_ = true; }
  net::Address local_address() const override { return local_; }

  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    std::size_t taken = 0;
    while (taken < batch.size()) {
      const auto rest = batch.subspan(taken, std::min(batch.size() - taken, kMaxMessages));
      const std::size_t sent =
          rest[0].may_fragment ? send_fragmentable(rest[0]) : send_some(rest, segmentation_);
      taken += sent;
      if (blocked_) break;
    }
    if (blocked_) poll_.watch(UV_READABLE | UV_WRITABLE);
    return taken;
  }

  std::size_t path_mtu(net::Address to) const override {
    const UniqueFd probe = open_socket(AF_INET, SOCK_DGRAM);
    if (!probe) return 1500;
    if (marked_) marks_.apply_to(probe.get());  // or it takes another way than our datagrams
    const sockaddr_in address = to_sockaddr(to);
    int mtu = 1500;
    socklen_t size = sizeof mtu;
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        getsockopt(probe.get(), IPPROTO_IP, IP_MTU, &mtu, &size) != 0) {
      mtu = 1500;
    }
    return static_cast<std::size_t>(mtu);
  }

 private:
  void on_ready(int events) {
    if (cancelled_) return;
    if ((events & UV_WRITABLE) != 0 && blocked_) {
      blocked_ = false;
      poll_.watch(UV_READABLE);
      observer_.on_writable(*this);
    }
    if ((events & UV_READABLE) != 0 && !cancelled_) receive_all();
  }

  void receive_all() {
    for (int round = 0; round < kMaxRounds; ++round) {
      receive_.prepare();
      const int n = recvmmsg(fd_.get(), receive_.headers.data(), kReceiveSlots, 0, nullptr);
      if (n <= 0) return;
      receive_.collect(static_cast<std::size_t>(n),
                       for_programs_ ? net::kMaxUdpPayload : net::kMaxDatagram);
      observer_.on_datagrams(*this, receive_.batch);
      if (cancelled_ || static_cast<std::size_t>(n) < kReceiveSlots) return;
    }
  }

  /// Whether `next` can be a segment of the message that `first` begins, `count` datagrams and `bytes` long.
  static bool joins(const net::OutboundDatagram& first, const net::OutboundDatagram& previous,
                    const net::OutboundDatagram& next, std::size_t count, std::size_t bytes) {
    // All but the last segment have the size of the first.
    return next.to == first.to && next.ttl == first.ttl && !next.may_fragment &&
           previous.size() == first.size() && next.size() <= first.size() && next.size() > 0 &&
           count < kMaxSegments && bytes + next.size() <= kMaxGsoBytes;
  }

  /// One sendmmsg. Returns the datagrams that are done with; sets blocked_.
  std::size_t send_some(std::span<const net::OutboundDatagram> batch, bool segment) {
    build(batch, segment);
    const int n =
        sendmmsg(fd_.get(), send_.headers.data(), static_cast<unsigned>(send_.message_count), 0);
    if (n < 0) return on_refused(batch, errno);
    std::size_t datagrams = 0;
    for (int i = 0; i < n; ++i) datagrams += send_.messages[static_cast<std::size_t>(i)].datagrams;
    return datagrams;
  }

  void build(std::span<const net::OutboundDatagram> batch, bool segment) {
    send_.message_count = send_.vec_count = 0;
    for (std::size_t i = 0; i < batch.size();) {
      if (batch[i].may_fragment) break;  // goes by itself
      std::size_t count = 1;
      std::size_t bytes = batch[i].size();
      while (segment && i + count < batch.size() &&
             joins(batch[i], batch[i + count - 1], batch[i + count], count, bytes)) {
        bytes += batch[i + count].size();
        ++count;
      }
      add_message(batch.subspan(i, count));
      i += count;
    }
  }

  void add_message(std::span<const net::OutboundDatagram> group) {
    const std::size_t index = send_.message_count++;
    SendArena::Message& message = send_.messages[index];
    message.to = to_sockaddr(group[0].to);
    message.datagrams = group.size();
    message.first_vec = send_.vec_count;
    for (const net::OutboundDatagram& datagram : group) {
      for (const ByteView part : datagram.parts) {
        if (part.empty()) continue;
        send_.vecs[send_.vec_count++] = {const_cast<std::uint8_t*>(part.data()), part.size()};
      }
    }
    mmsghdr& header = send_.headers[index];
    header = {};
    msghdr& h = header.msg_hdr;
    h.msg_name = &message.to;
    h.msg_namelen = sizeof message.to;
    h.msg_iov = send_.vecs.data() + message.first_vec;
    h.msg_iovlen = send_.vec_count - message.first_vec;
    std::size_t control = 0;
    if (group.size() > 1) {
      const auto size = static_cast<std::uint16_t>(group[0].size());
      control += put_control(message, control, SOL_UDP, kUdpSegment, &size, sizeof size);
    }
    if (group[0].ttl != 0) {
      const int ttl = group[0].ttl;
      control += put_control(message, control, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    }
    h.msg_control = control > 0 ? message.control.data() : nullptr;
    h.msg_controllen = control;
  }

  static std::size_t put_control(SendArena::Message& message, std::size_t at, int level, int type,
                                 const void* data, std::size_t size) {
    std::memset(message.control.data() + at, 0, CMSG_SPACE(size));
    auto* c = reinterpret_cast<cmsghdr*>(message.control.data() + at);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(c), data, size);
    return CMSG_SPACE(size);
  }

  /// The first message was not taken.
  std::size_t on_refused(std::span<const net::OutboundDatagram> batch, int error) {
    if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) {
      blocked_ = true;
      return 0;
    }
    if (error == EINTR) return 0;
    const std::size_t group = send_.messages[0].datagrams;
    if (group > 1) return send_one_by_one(batch.first(group), error);
    ++lost_;  // too large for the path, or no route: as the network loses
    return 1;
  }

  /// What was refused in one piece. That it was for the piece's sake is known when its first part passes, and
  /// only of the errors that a kernel or a device has for it: a path that is gone comes back.
  std::size_t send_one_by_one(std::span<const net::OutboundDatagram> group, int error) {
    const std::uint64_t lost = lost_;
    const std::size_t sent = send_some(group, false);
    const bool of_segmentation = error == EIO || error == EINVAL || error == EMSGSIZE;
    const bool passed = sent > 0 && lost_ == lost;
    if (of_segmentation && passed && ++refusals_ >= kMaxRefusals) segmentation_ = false;
    return sent;
  }

  std::size_t send_fragmentable(const net::OutboundDatagram& datagram) {
    net::OutboundDatagram copy = datagram;
    copy.may_fragment = false;
    set_fragmentation(true);
    const std::size_t sent = send_some({&copy, 1}, false);
    set_fragmentation(false);
    return sent;
  }

  void set_fragmentation(bool allowed) {
    if (for_programs_) return;  // it always is
    const int mode = allowed ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE;
    setsockopt(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof mode);
  }

  const UniqueFd fd_;
  SocketMarks& marks_;
  const bool for_programs_;
  std::optional<SocketMarks::Member> marked_;
  const net::Address local_;
  net::UdpObserver& observer_;
  ReceiveArena& receive_;
  SendArena& send_;
  bool cancelled_ = false;
  bool blocked_ = false;
  bool segmentation_ = true;
  int refusals_ = 0;
  std::uint64_t lost_ = 0;  // datagrams that were refused by themselves
  Poll poll_;
};

class LinuxUdpFactory final : public net::UdpFactory {
 public:
  explicit LinuxUdpFactory(Loop& loop) : loop_(loop) {}

  Result<std::unique_ptr<net::UdpSocket>> bind(net::Address local,
                                               net::UdpObserver& observer) override {
    auto socket = make(local, observer, std::nullopt);
    if (!socket) return Err(Errc::kUnavailable);
    return std::move(*socket);
  }

  Result<std::unique_ptr<net::UdpSocket>, std::string> bind_for_programs(
      net::Address local, net::UdpObserver& observer, net::UdpLoad load) override {
    auto socket = make(local, observer, load);
    if (!socket) return Err(listen_problem(socket.error(), local.port));
    return std::move(*socket);
  }

 private:
  /// `programs`: of a socket for them. Errors: errno.
  Result<std::unique_ptr<net::UdpSocket>, int> make(const net::Address& local,
                                                    net::UdpObserver& observer,
                                                    std::optional<net::UdpLoad> programs) {
    UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
    if (!fd) return Err(int(errno));
    sockaddr_in address = to_sockaddr(local);
    socklen_t size = sizeof address;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      return Err(int(errno));
    }
    if (programs != net::UdpLoad::kOneFlow) enlarge_buffers(fd.get());
    set_options(fd.get(), programs.has_value());
    try {
      return std::unique_ptr<net::UdpSocket>(
          std::make_unique<LinuxUdpSocket>(loop_, receive_, send_, std::move(fd),
                                           from_sockaddr(address), observer, programs.has_value()));
    } catch (const std::exception&) {
      // No memory, or no room in the event loop.
      return Err(int(ENOMEM));
    }
  }

  /// Sizes above the system's limits are cut by the kernel.
  static void enlarge_buffers(int fd) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kUdpSendBuffer, sizeof kUdpSendBuffer);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kUdpReceiveBuffer, sizeof kUdpReceiveBuffer);
  }

  static void set_options(int fd, bool for_programs) {
    const int on = 1;
    setsockopt(fd, SOL_UDP, kUdpGro, &on, sizeof on);
    if (for_programs) {
      const int fragments = IP_PMTUDISC_DONT;
      setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &fragments, sizeof fragments);
      return;
    }
    // "Don't fragment" on every packet, and no opinion of the kernel's on what fits.
    const int probe = IP_PMTUDISC_PROBE;
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  }

  Loop& loop_;
  ReceiveArena receive_;
  SendArena send_;
};

}  // namespace

std::unique_ptr<net::UdpFactory> make_udp_factory(Loop& loop) {
  if (plain_udp_wanted()) return make_plain_udp_factory(loop);
  return std::make_unique<LinuxUdpFactory>(loop);
}

}  // namespace hsfwd::platform
