// SPDX-License-Identifier: Apache-2.0
#include "platform/signals.hpp"

#include <unistd.h>

#include <csignal>

#include "platform/common/handle.hpp"

namespace hsfwd::platform {

struct Signals::Watcher {
  Watcher(Loop& l, std::function<void(int)> f) : loop(l), callback(std::move(f)) {}
  Loop& loop;
  std::function<void(int)> callback;
  UvHandle<uv_signal_t> handle{new uv_signal_t};
};

namespace {

/// Who starts a program with a signal ignored, as nohup does and a shell for what runs in the
/// background, means it.
bool ignored(int number) {
  struct sigaction action {};
  return sigaction(number, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals(Loop& loop, const std::vector<int>& numbers,
                 const std::function<void(int)>& callback) {
  for (const int number : numbers) {
    if (ignored(number)) continue;
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

int process_id() {
  return getpid();
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace hsfwd::platform
