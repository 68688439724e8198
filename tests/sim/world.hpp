// SPDX-License-Identifier: Apache-2.0
// The simulated internet: hosts that run the shipping library in virtual time, joined by links that
// delay, lose, reorder, duplicate and throttle. One seed, one trace.
//
//      host ──link──┐                     ┌──link── host
//                   ├── segment (core) ───┤
//      host ──link──┘                     └──link── gateway ── segment (LAN) ── hosts
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/env.hpp"
#include "sim/random.hpp"

namespace hsfwd::sim {

using net::Address;
using net::Ipv4;

/// A datagram on its way. The ttl counts routers, of which each segment crossing is a fixed number.
struct Packet {
  Address from;
  Address to;
  Bytes payload;
  int ttl = 64;
  bool may_fragment = false;

  static constexpr std::size_t kHeaders = 28;  // IPv4 and UDP
  std::size_t wire_size() const { return payload.size() + kHeaders; }
};

/// One direction of an attachment to a segment.
struct LinkProfile {
  Duration delay = 5_ms;
  Duration jitter;       // uniform, added to the delay; packets may overtake each other
  double loss = 0;       // probability a packet vanishes
  double duplicate = 0;  // probability it arrives twice
  double reorder = 0;    // probability it is held back by `reorder_delay`
  Duration reorder_delay = 20_ms;
  std::uint64_t rate = 0;          // bytes a second, 0: unlimited
  std::size_t queue = 256 * 1024;  // bytes that wait for a limited rate; more are dropped
  std::size_t mtu = 1500;          // IP packets above are dropped
};

class World;
class Segment;

/// Something that takes packets from a segment: a host or the outer side of a gateway.
class Station {
 public:
  virtual ~Station() = default;
  virtual void receive(Packet packet) = 0;
};

/// A station's cable: an up and a down direction with the state of their queues.
class Link {
 public:
  Link(World& world, Station& station, LinkProfile profile);

  void set_profile(const LinkProfile& profile) { profile_ = profile; }
  const LinkProfile& profile() const { return profile_; }
  void set_connected(bool connected) { connected_ = connected; }

  /// Station to segment.
  void send_up(Packet packet, Segment& segment);
  /// Segment to station.
  void send_down(Packet packet);

  std::uint64_t dropped() const { return dropped_; }
  /// How long a packet to the station that came now would wait for those ahead of it.
  Duration waiting_down() const;

 private:
  struct Direction {
    Instant busy_until;
  };
  /// When each copy that survives arrives; empty if none does.
  std::vector<Instant> arrivals(Direction& direction, const Packet& packet);

  World& world_;
  Station& station_;
  LinkProfile profile_;
  Direction up_;
  Direction down_;
  bool connected_ = true;
  std::uint64_t dropped_ = 0;
};

/// A router between the inside of a segment and the rest of the world.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// A packet from inside for an address that is not on the inside segment.
  virtual void outbound(Packet packet) = 0;
};

/// A network in which stations reach each other by address.
class Segment {
 public:
  /// `routers`: how many routers a packet passes when it crosses; its ttl must last.
  Segment(World& world, int routers) : world_(world), routers_(routers) {}

  void attach(Ipv4 host, Link& link);
  void detach(Ipv4 host);
  bool reaches(Ipv4 host) const { return links_.contains(host); }
  void set_gateway(Gateway* gateway) { gateway_ = gateway; }
  /// Stations of an isolated segment reach only the gateway.
  void set_isolated(bool isolated) { isolated_ = isolated; }
  /// Probability that a packet vanishes on its way across, besides what the links lose.
  void set_loss(double loss) { loss_ = loss; }
  void route(Packet packet, bool from_gateway = false);

 private:
  World& world_;
  const int routers_;
  std::unordered_map<Ipv4, Link*> links_;
  Gateway* gateway_ = nullptr;
  bool isolated_ = false;
  double loss_ = 0;
};

class Host;
class Nat;
struct NatProfile;

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Segment& core() { return core_; }
  Segment& add_segment(int routers);
  Host& add_host(Ipv4 address, const LinkProfile& profile = {}) {
    return add_host(core_, address, profile);
  }
  Host& add_host(Segment& segment, Ipv4 address, const LinkProfile& profile = {});
  /// Joins a segment to another one through a NAT that owns the outer addresses of `pool`.
  Nat& add_nat(Segment& inside, Segment& outside, std::vector<Ipv4> pool, const NatProfile& profile,
               const LinkProfile& link = {});

  Instant now() const { return now_; }
  Random& random() { return random_; }
  std::uint64_t unix_millis() const;

  void run_for(Duration duration);
  /// Runs until `done` holds, which is asked after every event; false when `limit` passes first.
  bool run_until(const std::function<bool()>& done, Duration limit);

  /// Calls `action` at `when`, in no host's context.
  void at(Instant when, std::function<void()> action);

  void add_name(const std::string& name, Ipv4 host) { names_[name] = host; }
  const std::map<std::string, Ipv4>& names() const { return names_; }

  /// Everything that crossed a link so far, with its time, in one number.
  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t packets() const { return packets_; }
  /// Sees every packet that crosses a link, as somebody on the way does.
  void set_tap(std::function<void(const Packet&)> tap) { tap_ = std::move(tap); }

  void set_log(Log log) { log_ = log; }
  const Log& log() const { return log_; }

  // --- For the parts of the simulator ---
  void note(const Packet& packet);
  void deliver_later(Instant when, Station& station, Packet packet);
  void route_later(Instant when, Segment& segment, Packet packet);
  void wake_later(Instant when, Host& host);

 private:
  struct Event {
    Instant when;
    std::uint64_t order = 0;
    std::function<void()> run;
    bool operator>(const Event& o) const {
      return when != o.when ? when > o.when : order > o.order;
    }
  };
  void push(Instant when, std::function<void()> run);
  bool step(Instant limit);
  void settle();

  SeededRandom random_;
  Instant now_ = Instant::from_micros(1'000'000'000);
  std::uint64_t next_order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<std::string, Ipv4> names_;
  std::uint64_t trace_hash_ = 14695981039346656037ULL;
  std::uint64_t packets_ = 0;
  std::function<void(const Packet&)> tap_;
  Log log_;
  Segment core_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace hsfwd::sim
