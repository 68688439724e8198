// SPDX-License-Identifier: Apache-2.0
#include "platform/background_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace hsfwd::platform {

namespace {
// It calls write() and little else. An address space that is limited should not pay for the default
// of megabytes.
constexpr std::size_t kStackSize = 128 * 1024;
constexpr int kMaxPatience = 10;  // times
// Lines that come by the thousand a second share writes. One that comes by itself is written at once.
constexpr std::chrono::milliseconds kPause(1);
constexpr std::size_t kNoPause = 64 * 1024;  // bytes
}  // namespace

struct BackgroundWriter::Shared {
  Shared(int f, DroppedLine line) : fd(f), dropped_line(std::move(line)) {}

  const int fd;
  const DroppedLine dropped_line;
  std::mutex mutex;
  std::condition_variable work;      // for the thread
  std::condition_variable progress;  // for who waits for it
  std::string waiting;
  std::size_t busy = 0;  // bytes that the thread has taken and not written
  std::uint64_t dropped = 0;
  int flushing = 0;     // who waits until all is written
  bool asleep = false;  // the thread, until there is something
  bool closing = false;
  bool failed = false;

  std::size_t queued() const { return waiting.size() + busy; }

  /// The thread: until nothing is left and nothing more comes.
  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      asleep = waiting.empty();
      work.wait(lock, [this] { return closing || !waiting.empty(); });
      asleep = false;
      if (waiting.empty()) return;
      const std::string text = std::exchange(waiting, {});
      busy = text.size();
      lock.unlock();
      write_all(text);
      lock.lock();
      tell_dropped();
      work.wait_for(lock, kPause, [this] {
        return closing || flushing > 0 || failed || waiting.size() > kNoPause;
      });
    }
  }

  void write_all(std::string_view text) {
    while (!text.empty() && !failed) {
      const ssize_t n = ::write(fd, text.data(), text.size());
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        // Somebody else has made it non-blocking.
        pollfd ready{fd, POLLOUT, 0};
        ::poll(&ready, 1, -1);
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      const std::lock_guard lock(mutex);
      failed |= n < 0;
      text.remove_prefix(n < 0 ? text.size() : static_cast<std::size_t>(n));
      busy = text.size();
      progress.notify_all();
    }
  }

  /// With the queue half empty it flows again.
  void tell_dropped() {
    if (dropped == 0 || queued() > kMaxQueued / 2) return;
    waiting += dropped_line(std::exchange(dropped, 0));
  }
};

std::unique_ptr<BackgroundWriter> BackgroundWriter::open(int fd, DroppedLine dropped_line) {
  auto shared = std::make_shared<Shared>(fd, std::move(dropped_line));
  auto handed = std::make_unique<std::shared_ptr<Shared>>(shared);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(
      &thread, &attributes,
      [](void* argument) -> void* {
        const std::unique_ptr<std::shared_ptr<Shared>> own(
            static_cast<std::shared_ptr<Shared>*>(argument));
        (*own)->run();
        return nullptr;
      },
      handed.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return nullptr;
  static_cast<void>(handed.release());
  return std::unique_ptr<BackgroundWriter>(new BackgroundWriter(std::move(shared)));
}

BackgroundWriter::~BackgroundWriter() {
  const std::lock_guard lock(shared_->mutex);
  shared_->closing = true;
  shared_->waiting.clear();
  shared_->work.notify_all();
}

void BackgroundWriter::write(std::string_view text) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->failed) return;
  const std::size_t queued = shared_->queued();
  // Once some are dropped, all are until it flows again: what is told stays in order.
  if (shared_->dropped > 0 || (queued > 0 && queued + text.size() > kMaxQueued)) {
    ++shared_->dropped;
    return;
  }
  const bool many =
      shared_->waiting.size() <= kNoPause && shared_->waiting.size() + text.size() > kNoPause;
  shared_->waiting += text;
  if (!shared_->asleep && !many) return;
  lock.unlock();  // or the thread would wake up to wait for it
  shared_->work.notify_all();
}

bool BackgroundWriter::flush(Duration patience) {
  std::unique_lock lock(shared_->mutex);
  const auto done = [this] { return shared_->queued() == 0 || shared_->failed; };
  ++shared_->flushing;
  shared_->work.notify_all();
  for (int i = 0; i < kMaxPatience && !done(); ++i) {
    const std::size_t before = shared_->queued();
    shared_->progress.wait_for(lock, std::chrono::microseconds(patience.to_micros()),
                               [&] { return done(); });
    if (shared_->queued() == before) break;
  }
  --shared_->flushing;
  return done();
}

bool BackgroundWriter::failed() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->failed;
}

}  // namespace hsfwd::platform
