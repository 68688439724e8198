// SPDX-License-Identifier: Apache-2.0
// The event loop of a process: libuv below, a Scheduler and an Env above. Everything runs on the
// thread that calls run().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/env.hpp"
#include "platform/clock.hpp"

struct uv_loop_s;

namespace hsfwd::platform {

class Alarm;
class MemoryReserve;
class SocketMarks;

class Loop {
 public:
  /// Throws std::system_error when the process may not open the few files that it takes.
  Loop();
  /// Everything that was made on the loop is gone by then.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_s* uv() { return uv_.get(); }
  Scheduler& scheduler() { return scheduler_; }
  Random& random() { return random_; }
  net::Env env(const Log& log);

  /// Runs until stop().
  void run();
  void stop();

  /// Wraps every callback from outside: freezes the instant, runs `work` and all that follows from
  /// it. What runs out of memory is given up, and the rest goes on.
  void dispatch(const std::function<void()>& work);
  /// Makes the threads that look up names, which libuv makes with the first name otherwise, and
  /// ends the process if it cannot.
  void start_threads();
  /// Names of interfaces of which this process is the other end. Their addresses are no way to this machine
  /// for anybody but who comes through the process, and none of env().interfaces.
  std::set<std::string>& own_interfaces() { return own_interfaces_; }
  /// Of the sockets of env().udp.
  SocketMarks& socket_marks() { return *socket_marks_; }
  /// Restored after a dispatch that has used it. It outlives the loop.
  void set_memory_reserve(MemoryReserve& reserve) { reserve_ = &reserve; }

 private:
  void set_alarm(std::optional<Instant> deadline);

  struct CloseLoop {
    void operator()(uv_loop_s* loop) const;
  };

  std::unique_ptr<uv_loop_s, CloseLoop> uv_;
  Scheduler scheduler_;
  SystemRandom random_;
  SystemWallClock wall_clock_;
  std::unique_ptr<Alarm> alarm_;
  std::unique_ptr<SocketMarks> socket_marks_;
  std::unique_ptr<net::UdpFactory> udp_;
  std::set<std::string> own_interfaces_;
  std::unique_ptr<net::Interfaces> interfaces_;
  std::unique_ptr<net::Resolver> resolver_;
  MemoryReserve* reserve_ = nullptr;
  int depth_ = 0;
  bool running_ = false;
};

/// A loop is gone, and a name is still looked up for it. The thread that does so would hold up an
/// orderly end of the process, which has to be ended by _exit() then.
bool left_behind();

/// Wakes the loop at an instant.
class Alarm {
 public:
  virtual ~Alarm() = default;
  virtual void set(Instant when) = 0;
  virtual void clear() = 0;
};
/// The best the system has.
std::unique_ptr<Alarm> make_alarm(Loop& loop);

std::unique_ptr<net::UdpFactory> make_udp_factory(Loop& loop);
/// Without those that are called so.
std::unique_ptr<net::Interfaces> make_interfaces(const std::set<std::string>& without);
std::unique_ptr<net::Resolver> make_resolver(Loop& loop);

}  // namespace hsfwd::platform
