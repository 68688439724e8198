// SPDX-License-Identifier: Apache-2.0
// Where packets go, and what is known of the way: socket and address, round-trip time, size of
// packets, congestion control, pacer. Several streams may share a path: they keep to one window
// then, take turns, learn from each other, and search once for the size that fits.
//
//      stream ─┐ takes turns                 ┌─ socket, address
//      stream ─┼────────────► Path ──────────┼─ RttEstimator, PathMtu
//      stream ─┘ bytes in flight, acked      └─ RateSampler ─► CongestionController ─► Pacer
//
// Loss is each stream's own matter, as packets are numbered by stream: the path only hears of it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/udp.hpp"
#include "udx/congestion.hpp"
#include "udx/flight.hpp"
#include "udx/pacer.hpp"
#include "udx/packet.hpp"
#include "udx/path_mtu.hpp"
#include "udx/rate_sampler.hpp"
#include "udx/rtt.hpp"
#include "util/ring.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::udx {

class Transmitter;

/// A socket of ours and an address of the peer.
struct Place {
  net::UdpSocket* socket = nullptr;
  net::Address address;

  bool is(const net::UdpSocket& other, const net::Address& from) const {
    return &other == socket && from == address;
  }
};

/// What sends along a path.
class PathUser {
 public:
  PathUser(const PathUser&) = delete;
  PathUser& operator=(const PathUser&) = delete;

 protected:
  PathUser() = default;
  ~PathUser() = default;

 private:
  friend class Path;

  /// There is a packet that waits for nothing but the path.
  virtual bool wants_to_send() const = 0;
  /// Sends one packet. False when there was none to be sent.
  virtual bool send_one() = 0;
  /// Something has changed that it should look at, at the end of the batch: Path::serve.
  virtual void wake() = 0;
  /// The same, from the pacer's timer: what else is due by now comes first.
  virtual void on_pacer() = 0;
  /// What it has to send is little, and nobody should wait for it behind bulk.
  virtual bool is_light() const = 0;
  /// The path leads elsewhere, and what is known of it is forgotten.
  virtual void on_path_changed(const Place& left) = 0;
  /// The same, from a place that carries nothing any more: what was sent there is lost.
  virtual void on_path_moved() = 0;
  /// The peer is elsewhere than was thought: what was sent has gone nowhere.
  virtual void on_path_redirected() = 0;

  bool waits_for_turn_ = false;
};

class Path {
 public:
  /// `max_mtu`: IP packet, bytes. See Mux::create_path.
  Path(Scheduler& scheduler, const Transmitter& transmitter,
       std::unique_ptr<CongestionController> congestion, std::size_t max_mtu);
  /// Its users are gone by then.
  ~Path();
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  // --- Where it leads ---

  bool known() const { return place_.socket != nullptr; }
  net::UdpSocket* socket() const { return place_.socket; }
  net::Address remote() const { return place_.address; }
  bool is(const net::UdpSocket& socket, const net::Address& from) const {
    return place_.is(socket, from);
  }
  /// Once, before anything is sent.
  void begin(net::UdpSocket& socket, net::Address remote);
  /// Goes on elsewhere, for all users.
  void change(net::UdpSocket& socket, net::Address remote);
  /// The same, when nothing can be sent or is awaited at the old place any more.
  void move(net::UdpSocket& socket, net::Address remote);
  /// Of an unproven peer, see Stream::redirect.
  void redirect(net::UdpSocket& socket, net::Address remote);
  /// Something has come along it, since it leads there.
  bool heard() const { return heard_; }

  // --- What may be sent to a peer that has not shown to be there ---

  void limit_unproven(std::uint64_t allowance) { allowance_ = allowance; }
  void lift_limit();
  bool limited() const { return allowance_.has_value(); }
  /// A datagram came from anywhere that counts.
  void on_arrival(const net::UdpSocket& socket, const net::Address& from, std::size_t datagram);
  /// False: the peer has to show that it is there before it is sent so much.
  bool spend_allowance(std::size_t datagram);
  /// It would be true.
  bool allows(std::size_t datagram) const { return !allowance_ || *allowance_ >= datagram; }

  // --- Taking turns ---

  void join(PathUser& user);
  /// What it has in flight counts no more, see Flight::leave_path.
  void leave(PathUser& user);
  /// Lets everybody send who waits for its turn, `user` among them, as far as window and pacer
  /// allow: first those that have little.
  void serve(PathUser& user);
  /// A user that was served has nothing left: if nobody has, what is measured now is no more than
  /// what applications wanted.
  void note_idle();

  // --- What leaves ---

  BytesInFlight& in_flight() { return in_flight_; }
  /// What a packet that leaves now remembers. Before it counts as in flight.
  RateSnapshot snapshot();
  /// A packet leaves, of so many bytes with all headers.
  void spend(std::size_t bytes) { pacer_.spend(bytes); }
  /// A user that had nothing in flight begins to send again.
  void on_restart();

  // --- What comes back: begin_acks, on_acked and add_rtt_sample for each packet, finish_acks ---

  void begin_acks();
  void on_acked(const SentPacket& packet);
  void add_rtt_sample(Duration rtt) { rtt_.add_sample(rtt, scheduler_.now()); }
  /// `lost`: bytes that the acknowledgements showed to be lost.
  void finish_acks(std::uint64_t lost);
  /// A user begins to repair what it has lost, and is done. Overlapping repairs are one.
  void begin_recovery();
  void end_recovery();
  /// A user has waited in vain for a timeout, that began at `since`. Where others have been
  /// answered meanwhile this says nothing of the path.
  void on_timeout(Instant since);

  // --- Round-trip time ---

  const RttEstimator& rtt() const { return rtt_; }
  void set_rtt_hint(Duration rtt) { rtt_.set_hint(rtt); }

  // --- Size of packets ---

  std::size_t mtu() const { return mtu_.current(); }
  /// Payload that fits into a packet, by size and by allowance.
  std::size_t payload_room() const;
  /// The size to be probed with the next packet, if any.
  std::optional<std::size_t> wanted_probe() const;
  void on_probe_sent(std::size_t size) { mtu_.on_probe_sent(size); }
  void on_probe_acked();
  void on_probe_lost();
  /// Who sent it is gone.
  void on_probe_abandoned() { mtu_.on_probe_abandoned(); }
  void on_large_acked() { mtu_.on_large_acked(); }
  void on_large_lost();
  /// A message leaves, of so many bytes as an IP packet.
  void on_message_sent(std::size_t size) {
    if (size > PathMtu::kBase) mtu_.on_large_message(scheduler_.now());
  }
  /// The path carries less than it did: packets that were cut for more may be fragmented.
  bool shrunk() const { return shrunk_; }

  // --- Congestion ---

  std::uint64_t window() const { return congestion_->window(); }
  double pacing_rate() const { return congestion_->pacing_rate(); }

 private:
  bool blocked() const;
  bool window_open() const { return in_flight_.bytes < congestion_->window(); }
  bool may_send_light() const;
  bool may_send() const { return pacer_.allows() && window_open(); }
  void lead_to(net::UdpSocket& socket, net::Address remote);
  bool nobody_waits() const { return light_.empty() && waiting_.empty(); }
  Ring<PathUser*>& next_ring() { return light_.empty() ? waiting_ : light_; }
  void wait_for_turn(PathUser& user);
  void drop_turn(PathUser& user);
  void wake_first();
  void arm_pacer();
  void on_mtu_changed();

  Scheduler& scheduler_;
  const Transmitter& transmitter_;
  const std::size_t max_mtu_;

  Place place_;
  bool heard_ = false;
  std::optional<std::uint64_t> allowance_;  // bytes that may still be sent to who is unproven

  std::vector<PathUser*> users_;
  // For their turn, first to last
  Ring<PathUser*> light_;
  Ring<PathUser*> waiting_;

  BytesInFlight in_flight_;
  RttEstimator rtt_;
  RateSampler rates_;
  std::unique_ptr<CongestionController> congestion_;
  Pacer pacer_;
  Timer pace_timer_;
  PathMtu mtu_;
  bool shrunk_ = false;
  std::size_t recovering_ = 0;  // users that repair
  Instant acked_at_;            // when anything was acknowledged, lastly

  // From begin_acks to finish_acks.
  std::uint64_t prior_in_flight_ = 0;
  std::uint64_t prior_delivered_ = 0;
};

}  // namespace hsfwd::udx
