// SPDX-License-Identifier: Apache-2.0
#include "platform/signals.hpp"

#include <unistd.h>

#include <csignal>

#include "platform/handle.hpp"

namespace hsfwd::platform {

struct Signals::Watcher {
  Watcher(Loop& l, std::function<void(int)> f) : loop(l), callback(std::move(f)) {}
  Loop& loop;
  std::function<void(int)> callback;
  UvHandle<uv_signal_t> handle{new uv_signal_t};
};

Signals::Signals(Loop& loop, const std::vector<int>& numbers, std::function<void(int)> callback) {
  for (const int number : numbers) {
    watchers_.push_back(std::make_unique<Watcher>(loop, callback));
    Watcher& watcher = *watchers_.back();
    uv_signal_init(loop.uv(), watcher.handle.get());
    watcher.handle->data = &watcher;
    uv_signal_start(
        watcher.handle.get(),
        [](uv_signal_t* handle, int signal) {
          auto* self = static_cast<Watcher*>(handle->data);
          if (self == nullptr) return;
          self->loop.dispatch([self, signal] { self->callback(signal); });
        },
        number);
  }
}

Signals::~Signals() = default;

int process_id() { return getpid(); }

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace hsfwd::platform
