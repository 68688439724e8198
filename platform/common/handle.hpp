// SPDX-License-Identifier: Apache-2.0
// libuv handles live on until their close callback; these wrappers hide that.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>

#include "platform/loop.hpp"

namespace hsfwd::platform {

/// Deletes a handle once libuv has let go of it.
template <class Handle>
struct CloseHandle {
  void operator()(Handle* handle) const {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
  }
};
template <class Handle>
using UvHandle = std::unique_ptr<Handle, CloseHandle<Handle>>;

/// Readiness of a file descriptor, which it does not own.
class Poll {
 public:
  /// `ready` is called within a dispatch, with the events that hold. Throws std::system_error if
  /// the system has no room for another descriptor to wait for.
  Poll(Loop& loop, int fd, std::function<void(int events)> ready);

  /// UV_READABLE, UV_WRITABLE, both or 0.
  void watch(int events);
  void cancel() { watch(0); }
  int watched() const { return events_; }

 private:
  Loop& loop_;
  std::function<void(int)> ready_;
  int events_ = 0;
  UvHandle<uv_poll_t> handle_;
};

}  // namespace hsfwd::platform
