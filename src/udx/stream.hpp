// SPDX-License-Identifier: Apache-2.0
// One reliable, ordered, bidirectional byte stream over UDP datagrams, and the unordered messages
// beside it. There is no handshake: a stream lives from its creation, takes packets from then on, and
// sends once it is told where to.
//
//              ┌──────────────── Stream ────────────────┐
//   write ───► │ SendBuffer ─► Flight ◄─ Rack           │ ───►  Path ───► Transmitter ───► datagrams
//   on_data ◄─ │ ReceiveQueue, ReceiveWindow            │ ◄───  Mux  ◄──────────────────── datagrams
//              └────────────────────────────────────────┘
//
// Differs from upstream: the receive window is enforced and re-announced when it opens, probes come
// down from black holes, and a stream that closed cleanly still answers repeats for a while (Mux).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "net/udp.hpp"
#include "udx/budget.hpp"
#include "udx/deadlines.hpp"
#include "udx/events.hpp"
#include "udx/flight.hpp"
#include "udx/path.hpp"
#include "udx/path_change.hpp"
#include "udx/rack.hpp"
#include "udx/receive_queue.hpp"
#include "udx/receive_window.hpp"
#include "udx/receiver.hpp"
#include "udx/remote_window.hpp"
#include "udx/send_buffer.hpp"
#include "udx/transmitter.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::udx {

enum class CloseReason {
  kFinished,  // both directions ended, everything arrived
  kReset,     // the peer gave up
  kTimedOut,  // the peer stopped answering
  kNoMemory,  // there was none to go on with; the peer sees a reset
};

/// Events of a stream. They come after the datagrams of a batch are processed, when the state of the
/// stream is whole, except for accept_path. Any call into the stream is allowed from them; the
/// stream itself may be destroyed.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  /// A packet for the stream came in on another socket, or from another address, than those that it
  /// is connected over or is just moving away from; false drops it. The stream may be connected,
  /// moved or, while its peer is unproven, redirected there from inside.
  virtual bool accept_path(net::UdpSocket& socket, net::Address from) = 0;
  /// A message that came in at a place of which accept_path said no, at once, and whoever has sent it: who can tell
  /// that it is the peer's may move the stream there.
  virtual void on_stray_message(net::UdpSocket& socket, net::Address from, MutableBytes message) {
    static_cast<void>(socket);
    static_cast<void>(from);
    static_cast<void>(message);
  }
  /// The next bytes in order, as they lie in the packets. They count against the window until
  /// Stream::consume.
  virtual void on_data(std::span<const ByteView> chunks) = 0;
  /// All messages of a batch, which may be overwritten, as may the kHeaderSize bytes ahead of each.
  virtual void on_messages(std::span<const MutableBytes> messages) { static_cast<void>(messages); }
  /// The peer ended its direction; all its bytes have been delivered.
  virtual void on_end() = 0;
  /// There is room again after send_room() was 0.
  virtual void on_writable() = 0;
  /// After claim_messages() was false: it is worth another attempt.
  virtual void on_messages_writable() {}
  /// max_message() is another.
  virtual void on_max_message() {}
  /// After probe_with_messages(): one of `size` bytes is to be sent, and Stream::on_probe_answered to be
  /// called once the peer says that it has come.
  virtual void on_probe_wanted(std::uint32_t number, std::size_t size) {
    static_cast<void>(number);
    static_cast<void>(size);
  }
  /// Everything sent before change_remote is acknowledged.
  virtual void on_remote_changed() {}
  /// After change_remote: the peer sends along another path than the one that was left, and nothing
  /// it sent before is missing, or it said so itself with an empty message. Once for each change.
  virtual void on_path_proven() {}
  /// The answer to Stream::tell_acknowledged.
  virtual void on_acknowledged() {}
  /// For some seconds the peer has acknowledged nothing of what is on its way. Comes again with each
  /// timeout after that.
  virtual void on_stalled() {}
  /// There was no memory for what the stream or its observer was doing, and the stream is about to
  /// close: a last message may be sent.
  virtual void on_no_memory() {}
  /// The last event. Not called after destroy().
  virtual void on_closed(CloseReason reason) = 0;
};

enum class AckPolicy {
  kEveryPacket,  // what stock peers need: they measure by it
  kBatched,      // one for all packets that came in together
};

struct StreamOptions {
  /// Bytes; upstream's. See Stream::let_window_grow.
  std::size_t receive_window = 4 * 1024 * 1024;
  /// What the window begins with. It opens to the whole as the application reads: by four bytes for
  /// each, which is ahead of a sender that starts as fast as BBR does. Who is never read holds no
  /// more than this.
  std::size_t first_window = 4 * 1024 * 1024;
  std::size_t max_mtu = 1500;  // IP packet, bytes; of a path of the stream's own
  AckPolicy acks = AckPolicy::kEveryPacket;
  Duration heartbeat;  // 0: none
  /// Goes ahead of all others on a shared path, whatever it has to send.
  bool urgent = false;
  /// Never ends for want of an answer: who uses it finds another place for the path, or ends it.
  bool patient = false;
  /// Takes only packets that come carried (Mux::on_carried), which somebody has authenticated.
  bool carried_only = false;
  /// How long nothing that is on its way may be acknowledged before on_stalled.
  Duration stalled_after = Duration::seconds(3);
  // Numbers of the first packets of the two directions; hyperdht's streams begin at 0.
  SeqNo first_sent;
  SeqNo first_received;
};

struct StreamStats {
  std::uint64_t bytes_sent = 0;  // payload, without repeats
  std::uint64_t bytes_received = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t packets_received = 0;
  std::uint64_t packets_refused = 0;  // not from the peer's address, or a reset that cannot be its
  std::uint64_t packets_repeated = 0;
  std::uint64_t packets_in_order = 0;  // those of packets_sent that are acknowledged, with repeats
  std::uint64_t packets_lost = 0;      // of these
  std::uint64_t timeouts = 0;
  Duration rtt;
  std::uint64_t window = 0;  // congestion window, bytes
  double pacing_rate = 0;    // bytes a second
  std::size_t mtu = 0;
};

/// Takes a stream's packets where they cannot travel by themselves.
class StreamCarrier {
 public:
  /// `payload` ends with the call. A carrier that has no room loses the packet.
  virtual void carry(const Header& header, std::size_t padding,
                     const std::array<ByteView, 2>& payload) = 0;
  /// Bytes that it adds to each.
  virtual std::size_t overhead() const = 0;

 protected:
  ~StreamCarrier() = default;
};

class Stream final : private Receiver, private PathUser {
 public:
  /// On a path of its own. Registers the id with the mux; from now on packets for it arrive. See
  /// Mux::create_stream.
  Stream(Mux& mux, StreamId id, StreamObserver& observer, const StreamOptions& options);
  /// On a path that is shared, and outlives it.
  Stream(Mux& mux, Path& path, StreamId id, StreamObserver& observer, const StreamOptions& options);
  ~Stream();

  using Receiver::id;

  // --- Where it goes: what is said here of a shared path holds for all that use it ---

  Path& path() { return path_; }
  const Path& path() const { return path_; }

  /// Once: where to send, and under which id the peer knows this stream.
  void connect(net::UdpSocket& socket, StreamId remote_id, net::Address remote);
  /// The same along a path that leads there already.
  void connect(StreamId remote_id);
  bool connected() const { return change_.has_destination(); }
  net::UdpSocket* socket() const { return path_.socket(); }
  net::Address remote() const { return path_.remote(); }
  /// This is where the stream sends from, and to.
  bool is_path(const net::UdpSocket& socket, const net::Address& from) const {
    return path_.is(socket, from);
  }
  /// Something has come along this path, since it was taken.
  bool heard() const { return path_.heard(); }
  /// Continues over another path. Packets already sent are repeated to their old address first, from
  /// the new socket, and along the new path after that.
  void change_remote(net::UdpSocket& socket, StreamId remote_id, net::Address remote);
  /// Continues from another place, since nothing comes or goes at the old one any more.
  void move(net::UdpSocket& socket, net::Address remote);
  /// A message to somewhere else than the path leads, such as a question whether the peer is there.
  void send_message_to(net::UdpSocket& socket, net::Address to, ByteView message);
  /// Nobody has shown yet to be where packets go: from now on no more than `allowance` bytes of
  /// datagrams are sent, and three times what comes from there, and packets from elsewhere count
  /// only if accept_path moves the stream there.
  void limit_unproven(std::uint64_t allowance) { path_.limit_unproven(allowance); }
  /// The peer has shown itself.
  void lift_limit() { path_.lift_limit(); }
  bool limited() const { return path_.limited(); }
  /// Of an unproven peer, that is somewhere else than it was said to be: what was sent goes there.
  void redirect(net::UdpSocket& socket, net::Address remote);
  void set_rtt_hint(Duration rtt) { path_.set_rtt_hint(rtt); }
  /// From now on packets leave by `carrier`, and none of another size is tried; nullptr: by the path's
  /// socket.
  void set_carrier(StreamCarrier* carrier) { carrier_ = carrier; }
  /// What is sent before the peer's first packet comes may find the path not open yet: it is repeated
  /// then, without waiting for a timeout.
  void repeat_on_first_arrival() { repeat_on_first_arrival_ = true; }

  // --- Sending ---

  /// Bytes that may be written now before the writer should wait.
  std::size_t send_room() const;
  /// Bytes not sent yet above which a writer should wait, for who has a queue of its own and wants what waits to
  /// wait there; in place of upstream's high-water mark. More than 0, and no more than kMaxUnsent.
  void set_max_unsent(std::size_t bytes) { max_unsent_ = bytes; }
  /// Contiguous room for at least `at_least` bytes (up to SendBuffer::kMaxAtLeast). Commit what was
  /// filled in before the current call returns to the event loop.
  MutableBytes reserve(std::size_t at_least) { return send_buffer_.reserve(at_least); }
  /// Asks for on_writable as soon as there is room. For who found none before anything was written.
  void want_room();
  void commit(std::size_t size);
  void write(ByteView bytes);
  /// Ends the own direction behind everything written, whose last `trailer` bytes say no more than
  /// the end does: who is gone without having acknowledged them has missed nothing.
  void end(std::size_t trailer = 0);
  bool ended() const { return end_ != End::kOpen; }
  /// Everything written, and the end, is acknowledged.
  bool all_acknowledged() const;
  /// The peer has said and heard all there is. What it owes yet is to have heard that this is the end.
  bool only_end_unacknowledged() const;
  /// on_acknowledged is to be called, once, when all that is written by now and until then has
  /// arrived.
  void tell_acknowledged() { acknowledged_wanted_ = true; }
  /// Drops everything unsent and tells the peer, and again if it goes on sending, for a while. Dead
  /// from here on. `reason` rides along, for a peer that reads it as a message; stock peers are to
  /// get none.
  void destroy(ByteView reason = {});
  /// Unordered, unreliable. What is too large for the path is lost.
  void send_message(ByteView first, ByteView second = {});
  std::size_t max_message() const { return path_.mtu() - kOverhead; }
  static constexpr std::size_t kMaxMessages = Transmitter::kMaxMessages;
  /// Asks for `number` messages of `bytes` in all to be sent now, which must follow: send_messages(). False
  /// if the socket is full, or the peer has to show first that it is there; on_messages_writable follows.
  bool claim_messages(std::size_t number, std::size_t bytes);
  /// Those that were claimed, kMaxMessages at most, in one system call where that can be. The kHeaderSize
  /// bytes ahead of each are overwritten; all are free again on return.
  void send_messages(std::span<const MutableBytes> messages);
  /// Sizes are probed with messages as well, for who sends little else.
  void probe_with_messages();
  void on_probe_answered(std::uint32_t number);
  /// Asks the peer for a sign of life: a packet comes back, whichever directions have ended and
  /// however full its window is, if neither is lost.
  void probe();

  // --- Receiving ---

  void set_ack_policy(AckPolicy policy) { options_.acks = policy; }
  /// The application has taken `size` bytes of what on_data delivered.
  void consume(std::size_t size);
  /// The peer heeds windows of any size: the receive window may be more than StreamOptions says, for paths that are
  /// longer and faster. Not that of who has asked for less than upstream's.
  void let_window_grow();
  /// The memory that the application holds what it has not consumed in; counts in the budget where
  /// it is more than the bytes are.
  void set_memory_above(std::size_t bytes);

  bool closed() const { return closed_; }
  StreamStats stats() const;

  /// Unsent bytes above which a writer should wait. Upstream's high-water mark.
  static constexpr std::size_t kMaxUnsent = 256 * 1024;

 private:
  friend class Mux;

  /// The own direction's.
  enum class End {
    kOpen,
    kRequested,  // behind what is written
    kSent,
    kAcked,
  };

  Stream(Mux& mux, std::unique_ptr<Path> own, Path* shared, StreamId id, StreamObserver& observer,
         const StreamOptions& options);

  // --- Life, and the application's calls (stream.cpp) ---
  void on_path_changed(const Place& left) override;
  void on_path_moved() override;
  void on_path_redirected() override;
  void repeat_in_flight();
  Header header(std::uint8_t flags, SeqNo seq);
  bool finished() const;
  void charge_sent() { send_account_.set(send_buffer_.allocated()); }
  bool deliver_next() override;
  bool sends_through(const net::UdpSocket& other) const override { return &other == socket(); }
  void run_out_of_memory() override;
  void close(CloseReason reason);
  void shut();
  void leave_path();

  // --- What comes in (stream_input.cpp) ---
  void input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
             MutableBytes datagram) override;
  bool accept(net::UdpSocket& socket, const net::Address& from);
  bool receive_sequenced(const Packet& packet, MutableBytes datagram);
  void receive_reset(const Packet& packet, MutableBytes datagram);
  bool may_reset(const Header& header) const;
  bool may_take(const Packet& packet);
  void receive_data(const Packet& packet);
  void take_kept();
  void deliver_chunk(ByteView bytes);
  void deliver_message(MutableBytes message);
  void owe_ack();

  // --- What the peer has got (stream_acks.cpp) ---
  void process_ack(const Packet& packet);
  void acknowledge(SeqNo seq);
  void acknowledge_until(SeqNo ack);
  void acknowledge_ranges(const Packet& packet);
  void on_all_acked();
  void settle();
  void detect_losses();
  void begin_recovery();
  void check_recovery_end();
  void check_change_final();

  // --- What goes out (stream_output.cpp) ---
  void flush() override;
  void wake() override { mark_dirty(); }
  void on_pacer() override { on_due(); }
  bool wants_to_send() const override;
  bool is_light() const override;
  bool send_one() override;
  bool resend_lost();
  void repeat(SeqNo seq);
  bool send_new();
  SentPacket cut(std::size_t size);
  void make_probe(SentPacket& packet);
  void note_loss_of(SentPacket& packet);
  bool window_allows(std::size_t size) const;
  std::size_t new_payload_size() const;
  void transmit(SeqNo seq);
  void send_state();
  void send_bare(std::uint8_t flags, ByteView first = {}, ByteView second = {});
  void send_copy(const Header& header, ByteView first, ByteView second);
  void send_heartbeat();
  void wake_writer();
  void tell_of_messages();
  void want_size_probe();
  void forget_size_probe();
  bool has_unsent() const { return next_offset_ < send_buffer_.end(); }
  bool end_unsent() const { return end_ == End::kRequested; }

  // --- When it has to (stream_timers.cpp) ---
  void schedule();
  void note_sent();
  void forget_losses();
  void probe_zero_window();
  bool blocked_by_zero_window() const;
  Duration backed_off_timeout() const;
  void on_due();
  void on_deadlines();
  void on_tail_probe();
  void give_up_size_probe();
  void on_retransmission_timeout();
  void mark_late_lost();

  Transmitter& transmitter_;
  Scheduler& scheduler_;
  StreamObserver& observer_;
  StreamOptions options_;

  // Where
  const std::unique_ptr<Path> own_path_;  // of a stream that shares none
  Path& path_;
  StreamCarrier* carrier_ = nullptr;
  PathChange change_;
  net::Address last_source_;

  // Sending
  SendBuffer send_buffer_;
  Budget::Account send_account_;
  std::uint64_t next_offset_ = 0;  // first byte that was never sent
  Flight flight_;
  RemoteWindow remote_window_;
  End end_ = End::kOpen;
  std::uint64_t content_end_ = 0;  // with the end: what is behind says no more than the end does
  std::size_t max_unsent_ = kMaxUnsent;
  bool writer_waits_ = false;
  std::optional<std::size_t> message_waits_;  // the datagrams of those that were not taken, bytes
  std::size_t told_mtu_ = PathMtu::kBase;

  // Messages that probe the path's size. A repeat has the same number, so that a late answer counts.
  struct SizeProbe {
    std::uint32_t number = 0;
    std::size_t size = 0;
    bool under_way = false;
  };
  bool probes_with_messages_ = false;
  SizeProbe size_probe_;

  // Loss
  Rack rack_;
  Deadlines deadlines_;
  bool repeat_on_first_arrival_ = false;
  std::optional<SeqNo> recovery_until_;
  std::optional<SeqNo> tail_probe_until_;
  std::uint32_t timeouts_in_row_ = 0;
  Instant progress_at_;  // last time the peer acknowledged something new, or there was nothing to
  Instant timeout_from_;

  // Receiving
  ReceiveQueue received_;
  ReceiveWindow window_;
  bool ack_owed_ = false;
  std::optional<SeqNo> remote_end_;
  bool remote_ended_ = false;  // everything before the end is in

  // Events not delivered yet, and what some of them come with
  Events events_;
  std::vector<ByteView> chunks_;
  std::vector<PooledBuffer> chunk_memory_;
  std::vector<MutableBytes> messages_;
  bool acknowledged_wanted_ = false;
  CloseReason close_reason_ = CloseReason::kFinished;
  bool closed_ = false;

  StreamStats stats_;
};

}  // namespace hsfwd::udx
