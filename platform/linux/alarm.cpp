// SPDX-License-Identifier: Apache-2.0
// A timerfd: to the microsecond, where libuv's timers count milliseconds, and it counts the time a
// machine sleeps.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "platform/common/handle.hpp"
#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

namespace {

class TimerfdAlarm final : public Alarm {
 public:
  explicit TimerfdAlarm(Loop& loop)
      : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
        poll_(loop, checked(fd_.get()), [this](int) { ring(); }) {
    poll_.watch(UV_READABLE);
  }

  void set(Instant when) override {
    if (when == set_for_) return;
    set_for_ = when;
    // Zero would disarm it.
    const std::int64_t micros = std::max<std::int64_t>(when.to_micros(), 1);
    itimerspec spec{};
    spec.it_value.tv_sec = micros / 1'000'000;
    spec.it_value.tv_nsec = micros % 1'000'000 * 1000;
    timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void clear() override {
    if (set_for_ == Instant::max()) return;
    set_for_ = Instant::max();
    const itimerspec spec{};
    timerfd_settime(fd_.get(), 0, &spec, nullptr);
  }

 private:
  static int checked(int fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "timer");
    return fd;
  }
  /// The dispatch around this runs what is due.
  void ring() {
    std::uint64_t expirations = 0;
    if (read(fd_.get(), &expirations, sizeof expirations) > 0) set_for_ = Instant::max();
  }

  const UniqueFd fd_;
  Instant set_for_ = Instant::max();
  Poll poll_;
};

}  // namespace

std::unique_ptr<Alarm> make_alarm(Loop& loop) {
  return std::make_unique<TimerfdAlarm>(loop);
}

}  // namespace hsfwd::platform
