// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/fd_stream.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "platform/posix/closing_sockets.hpp"
#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {

/// Files and devices such as /dev/null have no readiness to wait for.
bool is_pollable(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  return S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode) || isatty(fd) != 0;
}

}  // namespace

FdStream::FdStream(Loop& loop, std::shared_ptr<ClosingSockets> closing)
    : loop_(loop),
      closing_(std::move(closing)),
      always_ready_task_(loop.scheduler(), [this] { on_ready(UV_READABLE | UV_WRITABLE); }),
      broken_task_(loop.scheduler(), [this] {
        if (observer_ != nullptr) observer_->on_reset(reason_);
      }) {}

FdStream::FdStream(Loop& loop, std::shared_ptr<ClosingSockets> closing, UniqueFd socket)
    : FdStream(loop, std::move(closing)) {
  open_side(in_, std::move(socket));
}

FdStream::FdStream(Loop& loop, UniqueFd in, UniqueFd out) : FdStream(loop, nullptr) {
  open_side(in_, std::move(in));
  open_side(out_, std::move(out));
}

FdStream::~FdStream() {
  // Or the other side could take what it has got for the whole.
  if (!ended_ && is_socket() && in_.fd) refuse_orderly_end(in_.fd.get());
  close_side(in_);
  close_side(out_);
}

void FdStream::open_side(Side& side, UniqueFd owned) {
  side.fd = std::move(owned);
  const int fd = side.fd.get();
  side.flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, side.flags | O_NONBLOCK);
  side.pollable = is_pollable(fd);
  if (side.pollable) {
    side.poll = std::make_unique<Poll>(loop_, fd, [this](int events) { on_ready(events); });
  }
}

void FdStream::close_side(Side& side) {
  if (side.poll) side.poll->watch(0);
  loop_.scheduler().retire(std::move(side.poll));
  if (side.fd && !is_socket()) fcntl(side.fd.get(), F_SETFL, side.flags);
  side.fd.reset();
}

void FdStream::want(Side& side, int events, bool on) {
  const int wanted = on ? side.wanted | events : side.wanted & ~events;
  side.wanted = wanted;
  if (side.poll) {
    side.poll->watch(wanted);
  } else if (on) {
    always_ready_task_.post();
  }
}

net::ReadResult FdStream::read(MutableBytes into) {
  if (!in_.fd) return {net::ReadState::kBlocked, 0};
  if (input_ended_) return {net::ReadState::kEnd, 0};
  for (;;) {
    const ssize_t n = ::read(in_.fd.get(), into.data(), into.size());
    if (n > 0) return {net::ReadState::kData, static_cast<std::size_t>(n)};
    if (n == 0) return on_input_end();
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      want_read_ = true;
      want(in_, UV_READABLE, true);
    } else {
      broken(errno);
    }
    return {net::ReadState::kBlocked, 0};
  }
}

net::ReadResult FdStream::on_input_end() {
  // A reset that a write has been told of already reads as an end. Where the other side has ended
  // before, or takes no more without a reset, the write was told of a broken pipe.
  if (is_socket() && write_error_ != 0 && write_error_ != EPIPE) {
    broken(write_error_);
    return {net::ReadState::kBlocked, 0};
  }
  input_ended_ = true;
  want(in_, UV_READABLE, false);
  if (write_error_ != 0) broken(write_error_);
  return {net::ReadState::kEnd, 0};
}

std::size_t FdStream::write(ByteView bytes) {
  if (write_error_ != 0) return bytes.size();
  Side& side = is_socket() ? in_ : out_;
  std::size_t done = 0;
  while (done < bytes.size() && side.fd) {
    const ByteView rest = bytes.subspan(done);
    const ssize_t n = is_socket() ? send_bytes(side.fd.get(), rest)
                                  : ::write(side.fd.get(), rest.data(), rest.size());
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
      wrote_ = true;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      want_write_ = true;
      want(side, UV_WRITABLE, true);
      break;
    } else if (errno != EINTR) {
      on_write_failed(errno);
      return bytes.size();
    }
  }
  return done;
}

/// Only this direction is over: what the other side has said before it went is still to be read.
void FdStream::on_write_failed(int error) {
  if (closed_ || write_error_ != 0) return;
  write_error_ = error;
  if (!is_socket()) close_side(out_);
  if (input_ended_) broken(error);
}

std::string FdStream::write_error() const {
  return write_error_ != 0 ? std::strerror(write_error_) : "";
}

void FdStream::on_ready(int events) {
  Side& out = is_socket() ? in_ : out_;
  // Not watched again until a call comes up against it: a level that nobody drains would spin.
  if ((events & UV_WRITABLE) != 0 && std::exchange(want_write_, false)) {
    want(out, UV_WRITABLE, false);
    if (observer_ != nullptr) observer_->on_writable();
    if (closed_) return;
  }
  if ((events & UV_READABLE) != 0 && std::exchange(want_read_, false)) {
    if (observer_ != nullptr) observer_->on_readable();
    if (!want_read_) want(in_, UV_READABLE, false);
  }
}

void FdStream::broken(int error) {
  if (closed_) return;
  closed_ = true;
  reason_ = std::strerror(error);
  close_side(in_);
  close_side(out_);
  broken_task_.post();
}

void FdStream::end() {
  ended_ = true;
  if (!is_socket()) {
    close_side(out_);
    return;
  }
  if (!in_.fd) return;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(in_.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  // The last bytes met with a reset, of which no further write would be told.
  if (error != 0) on_write_failed(error);
  shutdown(in_.fd.get(), SHUT_WR);
}

void FdStream::reset() {
  if (closed_) return;
  closed_ = true;
  broken_task_.cancel();
  always_ready_task_.cancel();
  if (is_socket() && in_.fd && wrote_ && write_error_ == 0) {
    if (in_.poll) in_.poll->watch(0);
    loop_.scheduler().retire(std::move(in_.poll));
    closing_->add(std::move(in_.fd), ended_);
    return;
  }
  if (is_socket() && in_.fd) refuse_orderly_end(in_.fd.get());
  close_side(in_);
  close_side(out_);
}

void tune_tcp(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace hsfwd::platform
