// SPDX-License-Identifier: Apache-2.0
#include "platform/streams.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "platform/posix/closing_sockets.hpp"
#include "platform/posix/descriptor_alarm.hpp"
#include "platform/posix/fd_stream.hpp"
#include "platform/posix/listen_problem.hpp"
#include "platform/posix/socket.hpp"
#include "platform/posix/socket_address.hpp"
#include "platform/posix/unix_listener.hpp"

namespace hsfwd::platform {

namespace {

constexpr Duration kDialTimeout = 10_s;    // for one address of a service
constexpr Duration kAcceptPause = 100_ms;  // when descriptors have run out
constexpr int kBacklog = 511;
constexpr int kPortTries = 16;  // for one that is free at every address of a name

std::deque<SocketAddress> from_addrinfo(const addrinfo* list) {
  std::deque<SocketAddress> out;
  for (; list != nullptr; list = list->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
    address.size = list->ai_addrlen;
    out.push_back(address);
  }
  return out;
}

/// `localhost` is this machine whether or not a resolver knows that name (RFC 6761 section 6.3), by
/// either protocol.
std::deque<SocketAddress> loopback(std::uint16_t port) {
  SocketAddress v4;
  auto* four = reinterpret_cast<sockaddr_in*>(&v4.storage);
  four->sin_family = AF_INET;
  four->sin_port = htons(port);
  four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  v4.size = sizeof *four;
  SocketAddress v6;
  auto* six = reinterpret_cast<sockaddr_in6*>(&v6.storage);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(port);
  six->sin6_addr = in6addr_loopback;
  v6.size = sizeof *six;
  return {v4, v6};
}

/// The machine has no such address or protocol, which says nothing about who was to be reached.
bool is_not_here(int error) {
  return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

std::string dial_problem(int error) {
  if (error == ECONNREFUSED) return net::StreamFactory::kRefused;
  if (error == ENETUNREACH) return net::StreamFactory::kNetworkUnreachable;
  return std::strerror(error);
}

/// What all streams of a factory have in common.
struct Common {
  Common(Loop& l, const Log& log)
      : loop(l), alarm(l.scheduler(), log), closing(std::make_shared<ClosingSockets>(l)) {}

  /// Nothing, and the socket is closed, if there is no memory for a stream, or no room in the event
  /// loop.
  std::unique_ptr<FdStream> stream_on(UniqueFd socket) {
    try {
      return std::make_unique<FdStream>(loop, closing, std::move(socket));
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  Loop& loop;
  DescriptorAlarm alarm;
  std::shared_ptr<ClosingSockets> closing;  // also of the streams, which may outlive the factory
};

/// Resolves, then tries one address after the other.
class StreamDial final : public net::Dial {
 public:
  StreamDial(Common& common, const net::StreamAddress& to, net::StreamFactory::Dialled done)
      : common_(common),
        loop_(common.loop),
        done_(std::move(done)),
        start_task_(loop_.scheduler(), [this, to] { start(to); }),
        timer_(loop_.scheduler(), [this] { next(net::StreamFactory::kTimedOut); }) {
    start_task_.post();
  }
  ~StreamDial() override { cancel(); }

  void cancel() override {
    start_task_.cancel();
    timer_.stop();
    drop_socket();
    if (request_ == nullptr) return;
    Request* const request = std::exchange(request_, nullptr);
    request->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&request->uv));
  }

 private:
  struct Request {
    uv_getaddrinfo_t uv{};
    StreamDial* owner = nullptr;
    Loop* loop = nullptr;
  };

  void start(const net::StreamAddress& to) {
    if (to.is_unix()) {
      auto address = unix_address(to.path);
      if (!address) {
        finish(Err(address.error()));
        return;
      }
      addresses_.push_back(*address);
      next("no such socket");
      return;
    }
    if (to.host == "localhost") {
      addresses_ = loopback(to.port);
      next("no address");
      return;
    }
    request_ = new Request;
    request_->uv.data = request_;
    request_->owner = this;
    request_->loop = &loop_;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    const std::string port = std::to_string(to.port);
    const int error = uv_getaddrinfo(loop_.uv(), &request_->uv, on_resolved, to.host.c_str(),
                                     port.c_str(), &hints);
    if (error == 0) return;
    delete std::exchange(request_, nullptr);
    finish(Err(std::string(net::StreamFactory::kUnresolved)));
  }

  static void on_resolved(uv_getaddrinfo_t* uv, int status, addrinfo* found) {
    std::unique_ptr<Request> request(static_cast<Request*>(uv->data));
    const auto addresses = from_addrinfo(found);
    uv_freeaddrinfo(found);
    StreamDial* self = request->owner;
    if (self == nullptr) return;
    self->request_ = nullptr;
    self->loop_.dispatch([&] {
      if (status != 0) {
        self->finish(Err(self->why_unresolved()));
        return;
      }
      self->addresses_ = addresses;
      // Where this machine has no way to any of them, that is all there is to say.
      const bool none = self->addresses_.empty();
      self->next(none ? net::StreamFactory::kUnresolved : net::StreamFactory::kNetworkUnreachable);
    });
  }

  /// A resolver without a descriptor says that it knows no such name.
  std::string why_unresolved() {
    const UniqueFd fd = open_socket(AF_INET, SOCK_STREAM);
    if (!fd && (errno == EMFILE || errno == ENFILE)) {
      const int error = errno;
      common_.alarm.on_failure(error);
      return std::strerror(error);
    }
    return net::StreamFactory::kUnresolved;
  }

  void next(std::string why) {
    drop_socket();
    while (!addresses_.empty()) {
      const SocketAddress address = addresses_.front();
      addresses_.pop_front();
      fd_ = open_socket(address.family(), SOCK_STREAM);
      if (!fd_) {
        if (!is_not_here(errno)) why = std::strerror(errno);
        common_.alarm.on_failure(errno);
        continue;
      }
      if (connect(fd_.get(), address.get(), address.size) == 0) {
        succeed();
        return;
      }
      if (errno == EINPROGRESS) {
        poll_ = std::make_unique<Poll>(loop_, fd_.get(), [this](int) { on_connected(); });
        poll_->watch(UV_WRITABLE);
        timer_.start(kDialTimeout);
        return;
      }
      if (!is_not_here(errno)) why = dial_problem(errno);
      drop_socket();
    }
    finish(Err(std::move(why)));
  }

  void on_connected() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      succeed();
    } else {
      next(dial_problem(error));
    }
  }

  void succeed() {
    timer_.stop();
    if (poll_) poll_->watch(0);
    loop_.scheduler().retire(std::move(poll_));
    tune_tcp(fd_.get());
    std::unique_ptr<net::ByteStream> stream = common_.stream_on(std::move(fd_));
    if (stream) {
      finish(std::move(stream));
    } else {
      finish(Err(std::string(std::strerror(ENOMEM))));
    }
  }

  void drop_socket() {
    timer_.stop();
    if (poll_) poll_->watch(0);
    loop_.scheduler().retire(std::move(poll_));
    fd_.reset();
  }

  void finish(Result<std::unique_ptr<net::ByteStream>, std::string> result) {
    done_(std::move(result));
  }

  Common& common_;
  Loop& loop_;
  net::StreamFactory::Dialled done_;
  std::deque<SocketAddress> addresses_;
  Request* request_ = nullptr;
  UniqueFd fd_;
  std::unique_ptr<Poll> poll_;
  Task start_task_;
  Timer timer_;
};

class FdListener final : public net::StreamListener {
 public:
  FdListener(Common& common, UniqueFd fd, net::StreamAddress at,
             net::StreamFactory::Accepted accepted)
      : common_(common),
        fd_(std::move(fd)),
        at_(std::move(at)),
        accepted_(std::move(accepted)),
        poll_(common.loop, fd_.get(), [this](int) { accept_all(); }),
        resume_(common.loop.scheduler(), [this] { poll_.watch(UV_READABLE); }) {
    poll_.watch(UV_READABLE);
  }
  ~FdListener() override {
    poll_.watch(0);
    fd_.reset();
    if (at_.is_unix()) unlink(at_.path.c_str());
  }

  void cancel() override {
    cancelled_ = true;
    resume_.stop();
    poll_.watch(0);
  }
  net::StreamAddress address() const override { return at_; }

 private:
  void accept_all() {
    while (!cancelled_) {
      UniqueFd fd = accept_connection(fd_.get());
      if (!fd) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
          // Out of descriptors or memory: the connection waits in the queue meanwhile.
          common_.alarm.on_failure(errno);
          pause();
        }
        return;
      }
      if (!at_.is_unix()) tune_tcp(fd.get());
      auto stream = common_.stream_on(std::move(fd));
      if (!stream) return pause();
      accepted_(std::move(stream));
    }
  }

  void pause() {
    poll_.watch(0);
    resume_.start(kAcceptPause);
  }

  Common& common_;
  UniqueFd fd_;
  const net::StreamAddress at_;
  net::StreamFactory::Accepted accepted_;
  bool cancelled_ = false;
  Poll poll_;
  Timer resume_;
};

/// One listener for each address that a name has.
class ListenerGroup final : public net::StreamListener {
 public:
  ListenerGroup(net::StreamAddress at, std::vector<std::unique_ptr<FdListener>> listeners)
      : at_(std::move(at)), listeners_(std::move(listeners)) {}
  void cancel() override {
    for (const auto& listener : listeners_) listener->cancel();
  }
  net::StreamAddress address() const override { return at_; }

 private:
  const net::StreamAddress at_;
  std::vector<std::unique_ptr<FdListener>> listeners_;
};

class FdStreamFactory final : public net::StreamFactory {
 public:
  FdStreamFactory(Loop& loop, const Log& log) : common_(loop, log) {}

  std::unique_ptr<net::Dial> dial(const net::StreamAddress& to, Dialled done) override {
    return std::make_unique<StreamDial>(common_, to, std::move(done));
  }

  Result<std::unique_ptr<net::StreamListener>, std::string> listen(const net::StreamAddress& at,
                                                                   Accepted accepted) override {
    if (!at.is_unix()) return listen_tcp(at, accepted);
    auto fd = listen_at_path(at, kBacklog);
    if (!fd) return Err(fd.error());
    auto listener = listener_on(std::move(*fd), at, accepted);
    if (!listener) return Err(std::string(std::strerror(listener.error())));
    return std::unique_ptr<net::StreamListener>(std::move(*listener));
  }

 private:
  /// On every address that the name has. Of a port that is to be picked all get the same, so that a
  /// few tries may be needed.
  Result<std::unique_ptr<net::StreamListener>, std::string> listen_tcp(const net::StreamAddress& at,
                                                                       const Accepted& accepted) {
    auto addresses = tcp_addresses(at);
    if (!addresses) return Err(addresses.error());
    for (int tries = at.port == 0 ? kPortTries : 1;; --tries) {
      auto listener = listen_on_all(at, *addresses, accepted);
      if (listener) return std::move(*listener);
      if (tries <= 1) return Err(listen_problem(listener.error(), at.port));
    }
  }

  Result<std::unique_ptr<net::StreamListener>, int> listen_on_all(
      net::StreamAddress at, const std::deque<SocketAddress>& addresses, const Accepted& accepted) {
    std::vector<std::unique_ptr<FdListener>> listeners;
    int problem = EADDRNOTAVAIL;
    for (SocketAddress address : addresses) {
      set_port(address, at.port);
      auto fd = open_listening(address, addresses.size() > 1);
      if (!fd) {
        problem = fd.error();
        if (is_not_here(problem)) continue;
        return Err(int(problem));
      }
      at.port = bound_port(fd->get());
      auto listener = listener_on(std::move(*fd), at, accepted);
      if (!listener) return Err(listener.error());
      listeners.push_back(std::move(*listener));
    }
    if (listeners.empty()) return Err(int(problem));
    if (listeners.size() == 1) return std::unique_ptr<net::StreamListener>(std::move(listeners[0]));
    return std::unique_ptr<net::StreamListener>(
        std::make_unique<ListenerGroup>(at, std::move(listeners)));
  }

  /// The socket is closed if there is no room for it in the event loop.
  Result<std::unique_ptr<FdListener>, int> listener_on(UniqueFd fd, const net::StreamAddress& at,
                                                       const Accepted& accepted) {
    try {
      return std::make_unique<FdListener>(common_, std::move(fd), at, accepted);
    } catch (const std::system_error& error) {
      return Err(int(error.code().value()));
    }
  }

  /// `one_of_many`: IPv4 has a socket of its own. The error is of errno.
  static Result<UniqueFd, int> open_listening(const SocketAddress& address,
                                              bool one_of_many = false) {
    UniqueFd fd = open_socket(address.family(), SOCK_STREAM);
    if (!fd) return Err(int(errno));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (one_of_many && address.family() == AF_INET6) {
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd.get(), address.get(), address.size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
      return Err(int(errno));
    }
    return fd;
  }

  /// Addresses to listen on are looked up at once: they are literals or in the hosts file.
  static Result<std::deque<SocketAddress>, std::string> tcp_addresses(
      const net::StreamAddress& at) {
    if (at.host == "localhost") return loopback(at.port);
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(at.port);
    const int error = getaddrinfo(at.host.c_str(), port.c_str(), &hints, &found);
    if (error != 0) return Err(std::string(gai_strerror(error)));
    auto addresses = from_addrinfo(found);
    freeaddrinfo(found);
    if (addresses.empty()) return Err(std::string("no such address"));
    return addresses;
  }

  static void set_port(SocketAddress& address, std::uint16_t port) {
    if (address.family() == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
    } else {
      reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
    }
  }

  static std::uint16_t bound_port(int fd) {
    SocketAddress bound;
    bound.size = sizeof bound.storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
    if (bound.family() == AF_INET6) {
      return ntohs(reinterpret_cast<const sockaddr_in6*>(&bound.storage)->sin6_port);
    }
    return ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port);
  }

  Common common_;
};

}  // namespace

std::unique_ptr<net::StreamFactory> make_stream_factory(Loop& loop, const Log& log) {
  return std::make_unique<FdStreamFactory>(loop, log);
}

std::unique_ptr<net::ByteStream> make_stdio_stream(Loop& loop) {
  return std::make_unique<FdStream>(loop, UniqueFd(STDIN_FILENO), UniqueFd(STDOUT_FILENO));
}

}  // namespace hsfwd::platform
