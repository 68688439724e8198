// SPDX-License-Identifier: Apache-2.0
#include "sim/world.hpp"

#include <algorithm>

#include "sim/host.hpp"
#include "sim/nat.hpp"
#include "util/check.hpp"

namespace hsfwd::sim {

namespace {
// Any fixed moment; virtual wall clocks count from here.
constexpr std::uint64_t kEpochMillis = 1'700'000'000'000;
constexpr int kCoreRouters = 10;
}  // namespace

Link::Link(World& world, Station& station, LinkProfile profile)
    : world_(world), station_(station), profile_(profile) {}

std::vector<Instant> Link::arrivals(Direction& direction, const Packet& packet) {
  Random& random = world_.random();
  const bool too_large = packet.wire_size() > profile_.mtu && !packet.may_fragment;
  if (!connected_ || too_large || (profile_.loss > 0 && random.unit() < profile_.loss)) {
    ++dropped_;
    return {};
  }
  Instant departs = world_.now();
  if (profile_.rate > 0) {
    const Instant free = std::max(direction.busy_until, world_.now());
    const auto waiting = static_cast<std::uint64_t>((free - world_.now()).to_micros());
    if (waiting * profile_.rate / 1'000'000 > profile_.queue) {
      ++dropped_;
      return {};
    }
    departs = free + Duration::micros(
                         static_cast<std::int64_t>(packet.wire_size() * 1'000'000 / profile_.rate));
    direction.busy_until = departs;
  }
  std::vector<Instant> out;
  const int copies = profile_.duplicate > 0 && random.unit() < profile_.duplicate ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Instant arrives = departs + profile_.delay;
    const std::int64_t jitter = profile_.jitter.to_micros();
    if (jitter > 0) {
      arrives = arrives + Duration::micros(random.below(static_cast<std::uint32_t>(jitter)));
    }
    if (profile_.reorder > 0 && random.unit() < profile_.reorder) {
      arrives = arrives + profile_.reorder_delay;
    }
    out.push_back(arrives);
  }
  return out;
}

Duration Link::waiting_down() const {
  return std::max(down_.busy_until - world_.now(), Duration());
}

void Link::send_up(Packet packet, Segment& segment) {
  for (const Instant when : arrivals(up_, packet)) world_.route_later(when, segment, packet);
}

void Link::send_down(Packet packet) {
  for (const Instant when : arrivals(down_, packet)) world_.deliver_later(when, station_, packet);
}

void Segment::attach(Ipv4 host, Link& link) {
  HSFWD_CHECK(!links_.contains(host));
  links_[host] = &link;
}

void Segment::detach(Ipv4 host) {
  links_.erase(host);
}

void Segment::route(Packet packet, bool from_gateway) {
  const auto link = links_.find(packet.to.host);
  if (link == links_.end()) {
    if (gateway_ != nullptr && !from_gateway) gateway_->outbound(std::move(packet));
    return;
  }
  if (isolated_ && !from_gateway) return;
  if (loss_ > 0 && world_.random().unit() < loss_) return;
  packet.ttl -= routers_;
  if (packet.ttl > 0) link->second->send_down(std::move(packet));
}

World::World(std::uint64_t seed) : random_(seed), core_(*this, kCoreRouters) {}

World::~World() = default;

Segment& World::add_segment(int routers) {
  segments_.push_back(std::make_unique<Segment>(*this, routers));
  return *segments_.back();
}

Host& World::add_host(Segment& segment, Ipv4 address, const LinkProfile& profile) {
  hosts_.push_back(std::make_unique<Host>(*this, segment, address, profile, random_.next()));
  return *hosts_.back();
}

Nat& World::add_nat(Segment& inside, Segment& outside, std::vector<Ipv4> pool,
                    const NatProfile& profile, const LinkProfile& link) {
  nats_.push_back(std::make_unique<Nat>(*this, inside, outside, std::move(pool), profile, link,
                                        random_.next()));
  return *nats_.back();
}

std::uint64_t World::unix_millis() const {
  return kEpochMillis + static_cast<std::uint64_t>(now_.to_micros() / 1000);
}

void World::push(Instant when, std::function<void()> run) {
  events_.push(Event{std::max(when, now_), next_order_++, std::move(run)});
}

void World::at(Instant when, std::function<void()> action) {
  push(when, std::move(action));
}

void World::deliver_later(Instant when, Station& station, Packet packet) {
  push(when, [this, &station, packet = std::move(packet)]() mutable {
    note(packet);
    station.receive(std::move(packet));
  });
}

void World::route_later(Instant when, Segment& segment, Packet packet) {
  push(when,
       [&segment, packet = std::move(packet)]() mutable { segment.route(std::move(packet)); });
}

void World::wake_later(Instant when, Host& host) {
  push(when, [&host] { host.run(); });
}

void World::note(const Packet& packet) {
  ++packets_;
  if (tap_) tap_(packet);
  const auto mix = [this](std::uint64_t value) {
    trace_hash_ = (trace_hash_ ^ value) * 1099511628211ULL;
    trace_hash_ ^= trace_hash_ >> 29;
  };
  mix(static_cast<std::uint64_t>(now_.to_micros()));
  mix(std::hash<Address>()(packet.from));
  mix(std::hash<Address>()(packet.to));
  mix(packet.payload.size());
  ByteView rest = packet.payload;
  for (; rest.size() >= 8; rest = rest.subspan(8)) mix(load_le64(rest.data()));
  for (const std::uint8_t b : rest) mix(b);
}

void World::settle() {
  for (const auto& host : hosts_) host->run();
}

bool World::step(Instant limit) {
  if (events_.empty() || events_.top().when > limit) {
    now_ = limit;
    return false;
  }
  // The queue only hands out const access; the event leaves it in the next statement.
  auto run = std::move(const_cast<Event&>(events_.top()).run);
  now_ = events_.top().when;
  events_.pop();
  run();
  return true;
}

void World::run_for(Duration duration) {
  settle();
  const Instant limit = now_ + duration;
  while (step(limit)) {
  }
  for (const auto& host : hosts_) host->freeze();
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
  settle();
  const Instant end = now_ + limit;
  while (!done()) {
    if (!step(end)) break;
  }
  for (const auto& host : hosts_) host->freeze();
  return done();
}

}  // namespace hsfwd::sim
