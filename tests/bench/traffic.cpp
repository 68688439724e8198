// SPDX-License-Identifier: Apache-2.0
// What goes through forwarded ports when they are measured: a service on loopback, and its clients. In C++ and with a thread for
// each connection, so that they cost little beside what is between them.
//
//   bench_traffic serve                            says {"event":"listening","port":N}
//   bench_traffic trips PORT SECONDS               round trips of 64 bytes over one connection
//   bench_traffic dials PORT LANES SECONDS         connections that are opened, carry 64 bytes both ways, and end
//   bench_traffic upload PORT STREAMS BYTES        until the service has received them all
//   bench_traffic download PORT STREAMS BYTES      until the client has
//
// Clients say one event of their name and end: `median` and `late` (the 99th percentile), ms; `rate`, connections a second;
// `seconds` from when all streams are connected.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMessage = 64;                  // bytes of a round trip
constexpr std::size_t kBlock = std::size_t{1} << 18;  // bytes of a read or write in transfers
constexpr int kBacklog = 4096;
// Between two round trips, in which everybody falls asleep.
constexpr std::chrono::milliseconds kPause(1);

/// What a client sends first: what it wants, and how many bytes.
struct Wish {
  enum Kind : std::uint8_t { kEcho, kUpload, kDownload };
  Kind kind = kEcho;
  std::uint64_t size = 0;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

long checked(long result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection& operator=(Connection&&) = delete;

  static Connection to(std::uint16_t port) {
    Connection out(
        static_cast<int>(checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")));
    const sockaddr_in address = local(port);
    checked(connect(out.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address),
            "connect");
    return out;
  }

  static sockaddr_in local(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }

  void send_all(std::span<const char> bytes) const {
    while (!bytes.empty()) {
      bytes = bytes.subspan(static_cast<std::size_t>(
          checked(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), "send")));
    }
  }
  template <typename T>
  void send_value(const T& value) const {
    send_all({reinterpret_cast<const char*>(&value), sizeof value});
  }

  /// Empty at the end.
  std::span<char> receive(std::span<char> room) const {
    return room.first(
        static_cast<std::size_t>(checked(recv(fd_, room.data(), room.size(), 0), "recv")));
  }
  void receive_all(std::span<char> room) const {
    while (!room.empty()) {
      const std::size_t size = receive(room).size();
      if (size == 0) throw std::runtime_error("a connection ended too early");
      room = room.subspan(size);
    }
  }

  void send_zeros(std::uint64_t size) const {
    const std::vector<char> block(kBlock);
    for (; size > 0; size -= std::min<std::uint64_t>(size, kBlock)) {
      send_all(std::span(block).first(std::min<std::uint64_t>(size, kBlock)));
    }
  }
  void receive_and_drop(std::uint64_t size) const {
    std::vector<char> block(kBlock);
    while (size > 0) {
      const auto got = receive(std::span(block).first(std::min<std::uint64_t>(size, kBlock)));
      if (got.empty()) throw std::runtime_error("a connection ended too early");
      size -= got.size();
    }
  }

  /// A byte, when the other side has come as far.
  void signal() const { send_value('!'); }
  void await() const {
    std::array<char, 1> byte{};
    receive_all(byte);
  }

  /// Ends it, and waits for the end of the other side.
  void end() const {
    shutdown(fd_, SHUT_WR);
    std::array<char, kMessage> rest{};
    while (!receive(rest).empty()) {
    }
  }

 private:
  int fd_;
};

/// One client of the service, to its end.
void attend(const Connection& client) {
  std::array<char, sizeof(Wish)> head{};
  if (client.receive(std::span(head).first(1)).empty()) return;
  client.receive_all(std::span(head).subspan(1));
  Wish wish;
  std::memcpy(&wish, head.data(), sizeof wish);
  if (wish.kind == Wish::kEcho) {
    std::array<char, 4096> room{};
    for (auto got = client.receive(room); !got.empty(); got = client.receive(room)) {
      client.send_all(got);
    }
    return;
  }
  client.signal();
  if (wish.kind == Wish::kUpload) {
    client.receive_and_drop(wish.size);
    client.signal();
  } else {
    client.await();
    client.send_zeros(wish.size);
  }
  client.end();
}

void serve() {
  const int fd =
      static_cast<int>(checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address = Connection::local(0);
  socklen_t size = sizeof address;
  checked(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  checked(listen(fd, kBacklog), "listen");
  checked(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::printf("{\"event\":\"listening\",\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {
    const int accepted = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) continue;  // it has gone already
    std::thread([client = Connection(accepted)] {
      try {
        attend(client);
      } catch (const std::exception&) {
        // Whoever measures has seen it at the other end.
      }
    }).detach();
  }
}

void round_trip(const Connection& connection) {
  const std::array<char, kMessage> question{};
  std::array<char, kMessage> answer{};
  connection.send_all(question);
  connection.receive_all(answer);
}

void trips(std::uint16_t port, double seconds) {
  const Connection connection = Connection::to(port);
  connection.send_value(Wish{});
  round_trip(connection);
  std::vector<double> took;  // ms
  const Clock::time_point start = Clock::now();
  while (seconds_since(start) < seconds || took.empty()) {
    const Clock::time_point sent = Clock::now();
    round_trip(connection);
    took.push_back(seconds_since(sent) * 1e3);
    std::this_thread::sleep_for(kPause);
  }
  std::sort(took.begin(), took.end());
  std::printf("{\"event\":\"trips\",\"median\":%f,\"late\":%f}\n", took[(took.size() - 1) / 2],
              took[(took.size() - 1) * 99 / 100]);
}

/// Runs it in so many threads; what one of them throws, once all have ended.
void in_lanes(std::size_t lanes, const std::function<void(std::size_t)>& run) {
  std::vector<std::exception_ptr> failures(lanes);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < lanes; ++i) {
    threads.emplace_back([&, i] {
      try {
        run(i);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void dials(std::uint16_t port, std::size_t lanes, double seconds) {
  std::atomic<std::uint64_t> count = 0;
  const Clock::time_point start = Clock::now();
  in_lanes(lanes, [&](std::size_t) {
    while (seconds_since(start) < seconds) {
      const Connection connection = Connection::to(port);
      connection.send_value(Wish{});
      round_trip(connection);
      connection.end();
      ++count;
    }
  });
  std::printf("{\"event\":\"dials\",\"rate\":%f}\n",
              static_cast<double>(count) / seconds_since(start));
}

void transfer(Wish::Kind kind, std::uint16_t port, std::size_t streams, std::uint64_t bytes) {
  const Wish wish{kind, bytes / streams};
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < streams; ++i) {
    connections.push_back(Connection::to(port));
    connections.back().send_value(wish);
    connections.back().await();
  }
  const Clock::time_point start = Clock::now();
  in_lanes(streams, [&](std::size_t i) {
    if (kind == Wish::kUpload) {
      connections[i].send_zeros(wish.size);
      connections[i].await();
    } else {
      connections[i].signal();
      connections[i].receive_and_drop(wish.size);
    }
  });
  const double took = seconds_since(start);
  for (const Connection& connection : connections) connection.end();
  std::printf("{\"event\":\"%s\",\"seconds\":%f}\n", kind == Wish::kUpload ? "upload" : "download",
              took);
}

int run(const std::vector<std::string>& words) {
  const auto is = [&](std::string_view role, std::size_t more) {
    return !words.empty() && words[0] == role && words.size() == more + 1;
  };
  const auto port = [&] { return static_cast<std::uint16_t>(std::stoul(words[1])); };
  if (is("serve", 0)) {
    serve();
  } else if (is("trips", 2)) {
    trips(port(), std::stod(words[2]));
  } else if (is("dials", 3)) {
    dials(port(), std::stoul(words[2]), std::stod(words[3]));
  } else if (is("upload", 3) || is("download", 3)) {
    transfer(is("upload", 3) ? Wish::kUpload : Wish::kDownload, port(), std::stoul(words[2]),
             std::stoull(words[3]));
  } else {
    std::fputs(
        "usage: bench_traffic serve | trips PORT SECONDS | dials PORT LANES SECONDS |\n"
        "       upload PORT STREAMS BYTES | download PORT STREAMS BYTES\n",
        stderr);
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_traffic: %s\n", error.what());
    return 1;
  }
}
