// SPDX-License-Identifier: Apache-2.0
// The distance between the sites of the NAT lab: a TUN interface that hands every packet back a while
// later, loses some, and ends those with few hops left.
//
//   natlab_internet IFNAME DELAY_MS MIN_TTL SEED
//
// The routes of the namespace decide what goes through it. Says {"event":"ready"} when the interface
// is up; takes `loss PERCENT` a line on standard input, and ends, with its interface, when that does.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Packet = std::vector<unsigned char>;

constexpr std::size_t kMaxPacket = 65536;
// More than any test has on its way at once: what comes on top is lost, as in a router's queue.
constexpr std::size_t kMaxQueued = 65536;  // packets
constexpr int kTransmitQueue = 10000;      // packets between the kernel and this program
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kTtlOffset = 8;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// An interface that exists as long as this object.
class Tun {
 public:
  explicit Tun(const std::string& name)
      : fd_(checked(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun")) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    checked(ioctl(fd_, TUNSETIFF, &request), "TUNSETIFF");

    const int control = checked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    request.ifr_qlen = kTransmitQueue;
    checked(ioctl(control, SIOCSIFTXQLEN, &request), "SIOCSIFTXQLEN");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    checked(ioctl(control, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    close(control);
  }
  ~Tun() { close(fd_); }
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  int fd() const { return fd_; }
  /// Empty if there is none.
  Packet read_packet() {
    const ssize_t size = read(fd_, buffer_.data(), buffer_.size());
    return size > 0 ? Packet(buffer_.begin(), buffer_.begin() + size) : Packet();
  }
  void write_packet(const Packet& packet) {
    // One that the kernel has no route for is lost.
    [[maybe_unused]] const ssize_t written = write(fd_, packet.data(), packet.size());
  }

 private:
  int fd_;
  std::array<unsigned char, kMaxPacket> buffer_;
};

class Internet {
 public:
  Internet(Tun& tun, Clock::duration delay, unsigned min_ttl, std::uint64_t seed)
      : tun_(tun), delay_(delay), min_ttl_(min_ttl), random_(seed) {}

  void set_loss(double percent) { loss_ = percent / 100; }

  void take_in() {
    for (Packet packet = tun_.read_packet(); !packet.empty(); packet = tun_.read_packet()) {
      if (survives(packet)) queue_.push_back({Clock::now() + delay_, std::move(packet)});
    }
  }

  /// Delivers what is due; how long until the next is, nothing if none waits.
  timespec* deliver() {
    while (!queue_.empty() && queue_.front().due <= Clock::now()) {
      tun_.write_packet(queue_.front().packet);
      queue_.pop_front();
    }
    if (queue_.empty()) return nullptr;
    const auto wait = std::max(queue_.front().due - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    next_ = {.tv_sec = seconds.count(),
             .tv_nsec = std::chrono::nanoseconds(wait - seconds).count()};
    return &next_;
  }

 private:
  struct OnItsWay {
    Clock::time_point due;
    Packet packet;
  };

  bool survives(const Packet& packet) {
    if (packet.size() < kIpv4Header || packet[0] >> 4 != 4) return false;
    if (packet[kTtlOffset] < min_ttl_ || queue_.size() >= kMaxQueued) return false;
    return std::uniform_real_distribution<double>(0, 1)(random_) >= loss_;
  }

  Tun& tun_;
  const Clock::duration delay_;
  const unsigned min_ttl_;
  std::mt19937_64 random_;
  double loss_ = 0;
  std::deque<OnItsWay> queue_;
  timespec next_{};
};

/// False when standard input has ended.
bool obey(Internet& internet, std::string& unread) {
  std::array<char, 256> buffer;
  const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size <= 0) return false;
  unread.append(buffer.data(), static_cast<std::size_t>(size));
  for (std::size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
    const std::string line = unread.substr(0, end);
    unread.erase(0, end + 1);
    if (!line.starts_with("loss ")) throw std::runtime_error("what is '" + line + "'?");
    internet.set_loss(std::stod(line.substr(5)));
    std::puts("{\"event\":\"obeyed\"}");
    std::fflush(stdout);
  }
  return true;
}

int run(const std::string& name, int delay_ms, unsigned min_ttl, std::uint64_t seed) {
  Tun tun(name);
  Internet internet(tun, std::chrono::milliseconds(delay_ms), min_ttl, seed);
  std::puts("{\"event\":\"ready\"}");
  std::fflush(stdout);

  std::string unread;
  std::array<pollfd, 2> polled{{{tun.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  while (true) {
    if (ppoll(polled.data(), polled.size(), internet.deliver(), nullptr) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "ppoll");
    }
    if (polled[0].revents != 0) internet.take_in();
    if (polled[1].revents != 0 && !obey(internet, unread)) return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: natlab_internet IFNAME DELAY_MS MIN_TTL SEED\n", stderr);
    return 2;
  }
  try {
    return run(argv[1], std::stoi(argv[2]), static_cast<unsigned>(std::stoul(argv[3])),
               std::stoull(argv[4]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "natlab_internet: %s\n", error.what());
    return 1;
  }
}
