// SPDX-License-Identifier: Apache-2.0
// Joins a local byte stream and a peer connection, both ways, with back-pressure and half close.
//
//   local ──read──► [the peer's send buffer, encrypted in place] ──► peer
//   local ◄─write── [the peer's received records]                ◄── peer
//
// Neither direction copies a byte in between: the local stream reads into and writes from the
// peer connection's own memory.
//
// A local side that accepts no more is still read to its end, and the other side learns that one is
// gone only after what that one has said: a service may answer and hang up before it has read the
// question.
#pragma once

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "forward/ending.hpp"
#include "net/byte_stream.hpp"
#include "node/peer_stream.hpp"
#include "util/scheduler.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::forward {

struct PipeStats {
  std::uint64_t to_peer = 0;    // bytes
  std::uint64_t from_peer = 0;  // bytes

  PipeStats& operator+=(const PipeStats& other) {
    to_peer += other.to_peer;
    from_peer += other.from_peer;
    return *this;
  }
  void collect(MetricSink& sink) const;
};

class Pipe {
 public:
  using Done = std::function<void(const Ending& ending)>;

  /// `done` is called once, at the end; it may not delete the pipe, only retire it.
  Pipe(Scheduler& scheduler, std::unique_ptr<net::ByteStream> local,
       std::unique_ptr<PeerStream> peer, Done done);
  ~Pipe();

  /// Begins to move bytes.
  void start();
  /// Gives up both sides at once.
  void abort(const Ending& ending);
  /// Gives up both sides; the peer gets what was read for it, and then the reason, if it
  /// receives it in time.
  void leave(const Ending& ending, Duration at_most);

  /// Treats the local side's input as ended, whatever may still come.
  void end_local_input();

  bool peer_ended() const { return peer_ended_; }
  bool local_ended() const { return local_ended_; }
  /// The local side accepts nothing more.
  bool local_refuses() const { return !local_->write_error().empty(); }
  const PipeStats& stats() const { return stats_; }
  const PeerStream& peer() const { return *peer_; }

 private:
  /// Passes the events of each stream to the pipe.
  struct Side final : net::ByteStreamObserver {
    Side(Pipe& p, bool peer) : pipe(p), is_peer(peer) {}
    void on_readable() override {
      pipe.guard([this] { is_peer ? pipe.pump_from_peer() : pipe.pump_to_peer(); });
    }
    void on_writable() override {
      pipe.guard([this] { is_peer ? pipe.on_peer_writable() : pipe.pump_from_peer(); });
    }
    void on_reset(const std::string& reason) override { pipe.on_reset(is_peer, reason); }
    Pipe& pipe;
    const bool is_peer;
  };

  /// A failed allocation ends this connection and no more.
  template <class Step>
  void guard(Step&& step) {
    try {
      step();
    } catch (const std::bad_alloc&) {
      finish({Cause::kHsfwd, "out of memory"});
    }
  }
  void pump_to_peer();
  void pump_from_peer();
  void on_peer_writable();
  void on_reset(bool by_peer, const std::string& reason);
  void check_refused();
  void check_done();
  void finish(const Ending& ending);
  bool over() const { return finished_ || leaving_; }

  std::unique_ptr<net::ByteStream> local_;
  std::unique_ptr<PeerStream> peer_;
  Side local_side_{*this, false};
  Side peer_side_{*this, true};
  Done done_;
  PipeStats stats_;
  bool local_ended_ = false;  // nothing more comes from there
  bool peer_ended_ = false;
  bool finished_ = false;
  std::optional<Ending> leaving_;  // why, while the peer gets what was read for it
  Timer again_timer_;              // the rest of a pump, after others had their turn
  Timer leave_timer_;
};

}  // namespace hsfwd::forward
