// SPDX-License-Identifier: Apache-2.0
// The distance between the sites of the NAT lab: a TUN interface that hands every packet back a while
// later, loses some, and ends those with few hops left. Lines may be narrow: to each address as many
// bits a second, behind a buffer that drops what does not fit.
//
//   natlab_internet IFNAME DELAY_MS MIN_TTL SEED
//
// The routes of the namespace decide what goes through it. Says {"event":"ready"} when the interface
// is up; takes `loss PERCENT`, `delay MS` and `line MBIT KILOBYTES` on standard input, one a line, and
// ends, with its interface, when that does.
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
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
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
constexpr std::size_t kDestinationOffset = 16;

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
  void set_delay(Clock::duration delay) { delay_ = delay; }
  /// Of the lines to all addresses: bits a second, without limit if 0, and bytes that wait.
  void set_line(double rate, double buffer) {
    rate_ = rate;
    buffer_ = buffer;
  }

  void take_in() {
    for (Packet packet = tun_.read_packet(); !packet.empty(); packet = tun_.read_packet()) {
      if (!survives(packet)) continue;
      const Clock::time_point now = Clock::now();
      Clock::time_point sent = now;
      if (rate_ > 0) {
        Clock::time_point& busy = busy_until_[destination(packet)];
        busy = std::max(busy, now);
        if (busy - now > time_for(buffer_)) continue;
        sent = busy += time_for(static_cast<double>(packet.size()));
      }
      queue_.emplace(sent + delay_, std::move(packet));
    }
  }

  /// Delivers what is due; how long until the next is, nothing if none waits.
  timespec* deliver() {
    while (!queue_.empty() && queue_.begin()->first <= Clock::now()) {
      tun_.write_packet(queue_.begin()->second);
      queue_.erase(queue_.begin());
    }
    if (queue_.empty()) return nullptr;
    const auto wait = std::max(queue_.begin()->first - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    next_ = {.tv_sec = seconds.count(),
             .tv_nsec = std::chrono::nanoseconds(wait - seconds).count()};
    return &next_;
  }

 private:
  bool survives(const Packet& packet) {
    if (packet.size() < kIpv4Header || packet[0] >> 4 != 4) return false;
    if (packet[kTtlOffset] < min_ttl_ || queue_.size() >= kMaxQueued) return false;
    return std::uniform_real_distribution<double>(0, 1)(random_) >= loss_;
  }

  static std::uint32_t destination(const Packet& packet) {
    std::uint32_t out = 0;
    std::memcpy(&out, packet.data() + kDestinationOffset, sizeof out);
    return out;
  }

  Clock::duration time_for(double bytes) const {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(bytes * 8 / rate_));
  }

  Tun& tun_;
  Clock::duration delay_;
  const unsigned min_ttl_;
  std::mt19937_64 random_;
  double loss_ = 0;
  double rate_ = 0;                                                  // bits a second
  double buffer_ = 0;                                                // bytes
  std::unordered_map<std::uint32_t, Clock::time_point> busy_until_;  // by destination
  std::multimap<Clock::time_point, Packet> queue_;                   // by when it is due
  timespec next_{};
};

void command(Internet& internet, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  double first = 0;
  double second = 0;
  words >> what >> first;
  if (what == "line") words >> second;
  if (words.fail()) what.clear();
  if (what == "loss") {
    internet.set_loss(first);
  } else if (what == "delay") {
    internet.set_delay(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double, std::milli>(first)));
  } else if (what == "line") {
    internet.set_line(first * 1e6, second * 1e3);
  } else {
    throw std::runtime_error("what is '" + line + "'?");
  }
}

/// False when standard input has ended.
bool obey(Internet& internet, std::string& unread) {
  std::array<char, 256> buffer;
  const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size <= 0) return false;
  unread.append(buffer.data(), static_cast<std::size_t>(size));
  for (std::size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
    const std::string line = unread.substr(0, end);
    unread.erase(0, end + 1);
    command(internet, line);
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
