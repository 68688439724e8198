// SPDX-License-Identifier: Apache-2.0
#include "forward/pipe.hpp"

#include <utility>

#include "util/metrics.hpp"

namespace hsfwd::forward {

namespace {
// Bytes moved in one go before other connections get their turn: a record, or some that are small. A question
// beside a transfer waits for four of these turns until its answer is there, so they are short.
constexpr std::size_t kTurn = 32 * 1024;
// Later than now, so that the event loop looks at its sockets before the pump goes on.
constexpr Duration kAfterOthers = 1_us;
// For what was taken from a local stream that is gone: a window of it over a slow line, but no peer
// that stopped reading.
constexpr Duration kHandOverTime = 2_min;

Ending of_local(const std::string& reason) {
  return {Cause::kLocal, "local connection: " + reason};
}
}  // namespace

Pipe::Pipe(Scheduler& scheduler, std::unique_ptr<net::ByteStream> local,
           std::unique_ptr<PeerStream> peer, Done done)
    : local_(std::move(local)),
      peer_(std::move(peer)),
      done_(std::move(done)),
      again_timer_(scheduler,
                   [this] {
                     guard([this] {
                       pump_to_peer();
                       pump_from_peer();
                     });
                   }),
      leave_timer_(scheduler, [this] { finish(*leaving_); }) {}

Pipe::~Pipe() {
  if (local_) local_->set_observer(nullptr);
  if (peer_) peer_->set_observer(nullptr);
}

void Pipe::start() {
  local_->set_observer(&local_side_);
  peer_->set_observer(&peer_side_);
  again_timer_.start(Duration());
}

void Pipe::pump_to_peer() {
  std::size_t moved = 0;
  while (!over() && !local_ended_) {
    if (moved >= kTurn) {
      again_timer_.start(kAfterOthers);
      return;
    }
    const MutableBytes room = peer_->reserve();
    if (room.empty()) return;
    const net::ReadResult result = local_->read(room);
    peer_->commit(result.size);
    moved += result.size;
    stats_.to_peer += result.size;
    if (result.state == net::ReadState::kBlocked) return;
    if (result.state == net::ReadState::kEnd) {
      local_ended_ = true;
      peer_->end();
    }
  }
  check_done();
}

void Pipe::pump_from_peer() {
  std::size_t moved = 0;
  while (!over() && !peer_ended_) {
    if (moved >= kTurn) {
      again_timer_.start(kAfterOthers);
      return;
    }
    const ByteView next = peer_->peek();
    if (next.empty()) {
      if (peer_->read_state() != net::ReadState::kEnd) break;
      peer_ended_ = true;
      local_->end();
      break;
    }
    const std::size_t written = local_->write(next);
    if (written > 0) peer_->consume(written);
    moved += written;
    stats_.from_peer += written;
    if (written < next.size()) return;
  }
  check_done();
}

/// The local side has sent everything, and accepts no more. The peer is told while it still
/// listens; this must not look like the loss of its last bytes.
void Pipe::check_refused() {
  if (over() || !local_ended_) return;
  const std::string why = local_->write_error();
  if (!why.empty()) leave(of_local(why), kHandOverTime);
}

void Pipe::on_peer_writable() {
  pump_to_peer();
  check_done();
}

void Pipe::on_reset(bool by_peer, const std::string& reason) {
  if (leaving_) {
    finish(*leaving_);
  } else if (by_peer) {
    finish({cause_of(peer_->info().error), reason});
  } else {
    leave(of_local(reason), kHandOverTime);
  }
}

void Pipe::leave(const Ending& ending, Duration at_most) {
  if (over()) return;
  leaving_ = ending;
  again_timer_.stop();
  local_->set_observer(nullptr);
  local_->reset();
  leave_timer_.start(at_most);
  peer_->reset_behind(ending.reason);
}

void Pipe::abort(const Ending& ending) {
  finish(ending);
}

void Pipe::end_local_input() {
  if (over() || std::exchange(local_ended_, true)) return;
  peer_->end();
  check_done();
}

void Pipe::check_done() {
  check_refused();
  // What was sent last is still on its way when both directions have ended.
  if (!over() && local_ended_ && peer_ended_ && peer_->flushed() && local_->flushed()) {
    finish({});
  }
}

void Pipe::finish(const Ending& ending) {
  if (std::exchange(finished_, true)) return;
  again_timer_.stop();
  leave_timer_.stop();
  local_->set_observer(nullptr);
  peer_->set_observer(nullptr);
  if (ending.cause != Cause::kNormal) {
    local_->reset();
    peer_->reset_because(ending.reason);
  }
  done_(ending);
}

void PipeStats::collect(MetricSink& sink) const {
  const char* name = "hsfwd_tunnel_bytes";
  const char* help = "Bytes of all connections so far";
  sink.counter(name, help, to_peer, {{"direction", "to_peer"}});
  sink.counter(name, help, from_peer, {{"direction", "from_peer"}});
}

}  // namespace hsfwd::forward
