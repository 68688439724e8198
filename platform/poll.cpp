// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "platform/handle.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

Poll::Poll(Loop& loop, int fd, std::function<void(int)> ready)
    : loop_(loop), ready_(std::move(ready)), handle_(new uv_poll_t) {
  HSFWD_CHECK(uv_poll_init(loop.uv(), handle_.get(), fd) == 0);
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
    // On an error both directions are told, and find out by trying. libuv has stopped watching then.
    const int told = status < 0 ? std::exchange(self->events_, 0) : what;
    self->loop_.dispatch([self, told] { self->ready_(told); });
  });
}

}  // namespace hsfwd::platform
