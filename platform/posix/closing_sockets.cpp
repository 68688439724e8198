// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/closing_sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "platform/common/handle.hpp"
#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {
constexpr Duration kCheckInterval = 50_ms;
// Somebody who writes hears of the answer between two writes, also on a busy machine.
constexpr Duration kSilence = 250_ms;
constexpr Duration kMaxDropping = 1_s;   // for who never stops writing
constexpr Duration kMaxDraining = 10_s;  // for who does not take what was sent
constexpr std::size_t kMaxSockets = 256;
// An upload of this size is taken to its end; a longer one waits, and its program has the time of
// kSilence to see the answer. Without it, giving up a large download would cost as much as taking
// it.
constexpr std::size_t kMaxDropped = 1024 * 1024;
constexpr int kReadsPerTurn = 16;
}  // namespace

void refuse_orderly_end(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

struct ClosingSockets::Closing {
  Closing(Loop& loop, UniqueFd f)
      : fd(std::move(f)),
        since(loop.scheduler().now()),
        heard_at(since),
        scheduler(loop.scheduler()),
        poll(loop, fd.get(), [this](int) { drop(); }) {
    poll.watch(UV_READABLE);
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

  void drop() {
    std::array<char, 16 * 1024> rest;
    for (int i = 0; i < kReadsPerTurn && !over; ++i) {
      const ssize_t n = ::read(fd.get(), rest.data(), rest.size());
      if (n > 0) {
        heard_at = scheduler.now();
        dropped += static_cast<std::size_t>(n);
        if (dropped >= kMaxDropped) {
          poll.watch(0);
          return;
        }
      } else if (n < 0 && errno == EINTR) {
        continue;
      } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return;
      } else {
        over = n < 0;
        poll.watch(0);  // nothing more comes; what was sent may still be on its way
        return;
      }
    }
  }

  void cancel() { poll.cancel(); }

  bool done() const {
    const Instant now = scheduler.now();
    if (over || now >= since + kMaxDraining) return true;
    const bool quiet = now >= heard_at + kSilence || now >= since + kMaxDropping;
    return quiet && !has_unsent(fd.get());
  }

  const UniqueFd fd;
  const Instant since;
  Instant heard_at;
  std::size_t dropped = 0;  // bytes
  bool over = false;        // the other side has reset it
  Scheduler& scheduler;
  Poll poll;
};

ClosingSockets::ClosingSockets(Loop& loop)
    : loop_(loop), timer_(loop.scheduler(), [this] { check_all(); }) {}

ClosingSockets::~ClosingSockets() = default;

void ClosingSockets::add(UniqueFd fd, bool ended) {
  // First, so that it is none either where there is no memory to keep it.
  if (!ended) refuse_orderly_end(fd.get());
  if (sockets_.size() >= kMaxSockets) {
    loop_.scheduler().retire(std::move(sockets_.front()));
    sockets_.pop_front();
  }
  sockets_.push_back(std::make_unique<Closing>(loop_, std::move(fd)));
  if (!timer_.armed()) timer_.start(kCheckInterval);
}

void ClosingSockets::check_all() {
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    if ((*it)->done()) {
      loop_.scheduler().retire(std::move(*it));
      it = sockets_.erase(it);
    } else {
      ++it;
    }
  }
  if (!sockets_.empty()) timer_.start(kCheckInterval);
}

}  // namespace hsfwd::platform
