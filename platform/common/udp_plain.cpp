// SPDX-License-Identifier: Apache-2.0
// UDP over libuv: one system call a datagram, on any system.
#include <uv.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/common/handle.hpp"
#include "platform/common/sockaddr.hpp"
#include "platform/common/udp_options.hpp"
#include "platform/socket_marks.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kReceiveSize = 65536;

class PlainUdpSocket final : public net::UdpSocket {
 public:
  /// `programs`: of a socket for them.
  PlainUdpSocket(Loop& loop, net::UdpObserver& observer, std::uint8_t* buffer,
                 std::optional<net::UdpLoad> programs)
      : loop_(loop),
        observer_(observer),
        buffer_(buffer),
        programs_(programs),
        handle_(new uv_udp_t) {
    uv_udp_init(loop.uv(), handle_.get());
    handle_->data = this;
  }

  /// 0, or libuv's error.
  int bind(const net::Address& local) {
    const sockaddr_in address = to_sockaddr(local);
    if (const int error =
            uv_udp_bind(handle_.get(), reinterpret_cast<const sockaddr*>(&address), 0)) {
      return error;
    }
    sockaddr_in bound{};
    int size = sizeof bound;
    uv_udp_getsockname(handle_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    local_ = from_sockaddr(bound);
    default_ttl_ = usual_ttl();
    if (!programs_) marked_.emplace(loop_.socket_marks(), descriptor());
    if (programs_ != net::UdpLoad::kOneFlow) enlarge_buffers();
    return uv_udp_recv_start(handle_.get(), on_alloc, on_receive);
  }

  void cancel() override {
    cancelled_ = true;
    uv_udp_recv_stop(handle_.get());
    if (retry_) retry_->stop();
  }
  net::Address local_address() const override { return local_; }

  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const net::OutboundDatagram& datagram = batch[i];
      std::array<uv_buf_t, 3> bufs;
      unsigned count = 0;
      for (const ByteView part : datagram.parts) {
        if (part.empty()) continue;
        auto* base = const_cast<char*>(reinterpret_cast<const char*>(part.data()));
        bufs[count++] = uv_buf_init(base, static_cast<unsigned>(part.size()));
      }
      if (count == 0) bufs[count++] = uv_buf_init(nullptr, 0);
      if (datagram.ttl != 0) uv_udp_set_ttl(handle_.get(), datagram.ttl);
      const sockaddr_in to = to_sockaddr(datagram.to);
      const int result = uv_udp_try_send(handle_.get(), bufs.data(), count,
                                         reinterpret_cast<const sockaddr*>(&to));
      if (datagram.ttl != 0) uv_udp_set_ttl(handle_.get(), default_ttl_);
      if (result == UV_EAGAIN) {
        wait_for_room();
        return i;
      }
    }
    return batch.size();
  }

 private:
  static constexpr Duration kRetry = 1_ms;

  /// The machine's, which libuv can replace and not tell.
  int usual_ttl() const {
    constexpr int kMostHave = 64;
    int ttl = kMostHave;
    socklen_t size = sizeof ttl;
    getsockopt(descriptor(), IPPROTO_IP, IP_TTL, &ttl, &size);
    return ttl;
  }

  void enlarge_buffers() {
    int bytes = kUdpSendBuffer;
    uv_send_buffer_size(reinterpret_cast<uv_handle_t*>(handle_.get()), &bytes);
    bytes = kUdpReceiveBuffer;
    uv_recv_buffer_size(reinterpret_cast<uv_handle_t*>(handle_.get()), &bytes);
  }

  uv_os_fd_t descriptor() const {
    uv_os_fd_t socket{};
    uv_fileno(reinterpret_cast<const uv_handle_t*>(handle_.get()), &socket);
    return socket;
  }

  /// libuv does not tell when a socket is writable, so it is tried again soon.
  void wait_for_room() {
    if (cancelled_) return;
    if (!retry_) {
      retry_ = std::make_unique<Timer>(loop_.scheduler(), [this] { observer_.on_writable(*this); });
    }
    retry_->start(kRetry);
  }

  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buf) {
    auto* self = static_cast<PlainUdpSocket*>(handle->data);
    *buf = self == nullptr ? uv_buf_init(nullptr, 0)
                           : uv_buf_init(reinterpret_cast<char*>(self->buffer_), kReceiveSize);
  }

  static void on_receive(uv_udp_t* handle, ssize_t size, const uv_buf_t* buf, const sockaddr* from,
                         unsigned) {
    auto* self = static_cast<PlainUdpSocket*>(handle->data);
    if (self == nullptr || size < 0 || from == nullptr) return;
    const std::size_t largest = self->programs_ ? net::kMaxUdpPayload : net::kMaxDatagram;
    if (static_cast<std::size_t>(size) > largest) return;
    net::InboundDatagram datagram{
        from_sockaddr(*reinterpret_cast<const sockaddr_in*>(from)),
        {reinterpret_cast<std::uint8_t*>(buf->base), static_cast<std::size_t>(size)}};
    self->loop_.dispatch([&] { self->observer_.on_datagrams(*self, {&datagram, 1}); });
  }

  Loop& loop_;
  net::UdpObserver& observer_;
  std::uint8_t* buffer_;
  const std::optional<net::UdpLoad> programs_;
  net::Address local_;
  int default_ttl_ = 0;
  bool cancelled_ = false;
  std::unique_ptr<Timer> retry_;
  UvHandle<uv_udp_t> handle_;
  std::optional<SocketMarks::Member> marked_;
};

class PlainUdpFactory final : public net::UdpFactory {
 public:
  explicit PlainUdpFactory(Loop& loop) : loop_(loop) {}

  Result<std::unique_ptr<net::UdpSocket>> bind(net::Address local,
                                               net::UdpObserver& observer) override {
    auto socket = std::make_unique<PlainUdpSocket>(loop_, observer, buffer_.get(), std::nullopt);
    if (socket->bind(local) != 0) return Err(Errc::kUnavailable);
    return std::unique_ptr<net::UdpSocket>(std::move(socket));
  }
  Result<std::unique_ptr<net::UdpSocket>, std::string> bind_for_programs(
      net::Address local, net::UdpObserver& observer, net::UdpLoad load) override {
    auto socket = std::make_unique<PlainUdpSocket>(loop_, observer, buffer_.get(), load);
    if (const int error = socket->bind(local)) return Err(std::string(uv_strerror(error)));
    return std::unique_ptr<net::UdpSocket>(std::move(socket));
  }

 private:
  Loop& loop_;
  std::unique_ptr<std::uint8_t[]> buffer_{new std::uint8_t[kReceiveSize]};
};

}  // namespace

std::unique_ptr<net::UdpFactory> make_plain_udp_factory(Loop& loop) {
  return std::make_unique<PlainUdpFactory>(loop);
}

bool plain_udp_wanted() {
  const char* wish = std::getenv("HSFWD_UDP");
  return wish != nullptr && std::string_view(wish) == "plain";
}

}  // namespace hsfwd::platform
