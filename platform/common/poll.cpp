// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "platform/common/handle.hpp"

namespace hsfwd::platform {

namespace {

UvHandle<uv_poll_t> open_handle(Loop& loop, int fd) {
  auto handle = std::make_unique<uv_poll_t>();
  const int error = uv_poll_init(loop.uv(), handle.get(), fd);
  if (error != 0) throw std::system_error(-error, std::generic_category(), "event loop");
  return UvHandle<uv_poll_t>(handle.release());
}

}  // namespace

Poll::Poll(Loop& loop, int fd, std::function<void(int)> ready)
    : loop_(loop), ready_(std::move(ready)), handle_(open_handle(loop, fd)) {
  handle_->data = this;
}

void Poll::watch(int events) {
  if (events == events_) return;
  events_ = events;
  if (events == 0) {
    uv_poll_stop(handle_.get());
    return;
  }
  uv_poll_start(handle_.get(), events, [](uv_poll_t* handle, int status, int what) {
    auto* self = static_cast<Poll*>(handle->data);
    if (self == nullptr) return;
    // On an error both directions are told, and find out by trying. libuv has stopped watching
    // then.
    const int told = status < 0 ? std::exchange(self->events_, 0) : what;
    self->loop_.dispatch([self, told] { self->ready_(told); });
  });
}

}  // namespace hsfwd::platform
