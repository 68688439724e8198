// SPDX-License-Identifier: Apache-2.0
// All streams and relay legs of a node under their ids, whatever socket their packets come in on.
#pragma once

#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

#include "udx/relay_leg.hpp"
#include "udx/stream.hpp"
#include "udx/transmitter.hpp"
#include "util/random.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::udx {

class Mux {
 public:
  /// `max_held`: what all streams together may hold, see Budget.
  Mux(Scheduler& scheduler, Random& random, std::size_t max_held = Budget::kDefaultLimit);
  ~Mux();
  Mux(const Mux&) = delete;
  Mux& operator=(const Mux&) = delete;

  /// A stream under a fresh random id.
  std::unique_ptr<Stream> create_stream(StreamObserver& observer,
                                        const StreamOptions& options = {});
  std::unique_ptr<Stream> create_stream(StreamId id, StreamObserver& observer,
                                        const StreamOptions& options = {});
  /// A stream on a path that it shares with others, and that outlives it.
  std::unique_ptr<Stream> create_stream(Path& path, StreamObserver& observer,
                                        const StreamOptions& options = {});
  std::unique_ptr<Stream> create_stream(Path& path, StreamId id, StreamObserver& observer,
                                        const StreamOptions& options = {});
  /// A path for streams to share, under BBR or another control.
  std::unique_ptr<Path> create_path(std::size_t max_mtu = StreamOptions().max_mtu);
  std::unique_ptr<Path> create_path(std::unique_ptr<CongestionController> congestion,
                                    std::size_t max_mtu = StreamOptions().max_mtu);
  std::unique_ptr<RelayLeg> create_leg(RelayLegObserver& observer);
  std::unique_ptr<RelayLeg> create_leg(StreamId id, RelayLegObserver& observer);

  /// True when the datagram belonged to one of them; anything else is for another protocol. After the
  /// last datagram of a batch, end_batch() must follow while the bytes are still there.
  bool on_datagram(net::UdpSocket& socket, const net::InboundDatagram& datagram);
  /// The same for a packet that came inside another one, see StreamCarrier.
  void on_carried(net::UdpSocket& socket, const net::InboundDatagram& datagram);
  bool takes_carried() const { return takes_carried_; }
  /// Delivers events, then sends what is to be sent.
  void end_batch();
  void on_writable(net::UdpSocket& socket);
  /// The socket is about to be closed.
  void forget_socket(const net::UdpSocket& socket);

  /// Nobody has this id, and nobody has had it a moment ago.
  bool is_free(StreamId id) const {
    return !receivers_.contains(id.value) && !lingering_.contains(id.value);
  }
  /// Whoever makes streams of what other streams say may get their first packets in the same batch:
  /// those that are nobody's are looked at again at its end, while somebody like that is there.
  void expect_more_streams(bool yes) { expecting_ += yes ? 1 : -1; }

  /// Streams and legs that are not over.
  std::size_t streams() const { return receivers_.size(); }
  /// How much longer somebody who is about to leave should stay, so that a peer whose last
  /// acknowledgement got lost finds out.
  Duration owed_for() const;
  const Budget& budget() const { return budget_; }
  /// Packets that streams keep until those before them come.
  std::size_t packets_kept() const { return packets_.in_use(); }
  void collect(MetricSink& sink) const;

 private:
  friend class Receiver;
  friend class RelayLeg;
  friend class Stream;

  /// A stream that is over still owes its peer an answer, since the last thing it said may be lost:
  /// an acknowledgement, or the peer would repeat its end into the void; the reset, or the peer
  /// would wait for one that is gone.
  struct Lingering {
    net::UdpSocket* socket;
    net::Address to;
    net::Address heard_from;  // as long as it was a stream, lastly
    Header answer;
    Bytes payload;
    Instant until;
    Instant answered_at;
    bool unproven;  // the peer has not shown to be there
  };

  void add(Receiver& receiver);
  /// It is over: its id is nobody's.
  void remove(Receiver& receiver);
  /// It is about to be destroyed.
  void forget(Receiver& receiver);
  void linger(const Stream& stream, const Header& answer, ByteView payload);
  /// Runs a step of a receiver. A failed allocation in it is that receiver's trouble and no more.
  template <class Step>
  static void guard(Receiver& receiver, Step&& step) {
    try {
      step();
    } catch (const std::bad_alloc&) {
      receiver.run_out_of_memory();
    }
  }
  void mark_dirty(Receiver& receiver);
  bool deliver_next(std::size_t dirty);
  void deliver_batch();
  bool park(net::UdpSocket& socket, const net::InboundDatagram& datagram, const Packet& packet);
  void take_parked();
  bool answer_for_lingering(const net::Address& from, const Packet& packet);
  void sweep_lingering();
  StreamId fresh_id();

  Scheduler& scheduler_;
  Random& random_;
  Budget budget_;
  BufferPool slabs_;
  BufferPool small_slabs_;
  BufferPool packets_;
  Transmitter transmitter_;
  std::unordered_map<std::uint32_t, Receiver*> receivers_;
  std::unordered_map<std::uint32_t, Lingering> lingering_;
  Instant owed_until_;
  std::vector<Receiver*> dirty_;
  std::vector<Receiver*> flushing_;
  std::vector<ByteView> delivering_;
  std::vector<MutableBytes> delivering_messages_;
  std::vector<PooledBuffer> delivering_memory_;
  struct Parked {
    net::UdpSocket* socket;
    net::InboundDatagram datagram;
  };
  std::vector<Parked> parked_;  // of this batch
  int expecting_ = 0;
  bool takes_carried_ = false;
  bool in_batch_ = false;
  Task batch_task_;
  Timer linger_timer_;
};

}  // namespace hsfwd::udx
