// SPDX-License-Identifier: Apache-2.0
#include "sim/host.hpp"

#include "util/check.hpp"

namespace hsfwd::sim {

class HostSocket final : public net::UdpSocket {
 public:
  HostSocket(Host& host, Address local, net::UdpObserver& observer, bool for_programs)
      : host_(host), local_(local), observer_(observer), for_programs_(for_programs) {
    host_.sockets_[local.port] = this;
  }
  ~HostSocket() override { host_.sockets_.erase(local_.port); }

  void cancel() override { cancelled_ = true; }
  Address local_address() const override { return local_; }

  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    for (const net::OutboundDatagram& datagram : batch) {
      Packet packet;
      packet.from = {source_for(datagram.to.host), local_.port};
      packet.to = datagram.to;
      packet.payload.reserve(datagram.size());
      for (const ByteView part : datagram.parts) append(packet.payload, part);
      packet.may_fragment = datagram.may_fragment || for_programs_;
      if (datagram.ttl != 0) packet.ttl = datagram.ttl;
      host_.send(std::move(packet));
    }
    return batch.size();
  }

  void deliver(std::span<net::InboundDatagram> batch) {
    if (!cancelled_) observer_.on_datagrams(*this, batch);
  }
  bool takes(const Packet& packet) const {
    if (packet.payload.size() > (for_programs_ ? net::kMaxUdpPayload : net::kMaxDatagram))
      return false;
    return local_.host.is_any() || local_.host == packet.to.host;
  }

 private:
  /// The address that the way begins at.
  Ipv4 source_for(Ipv4 to) const {
    if (local_.host.is_loopback()) return local_.host;
    return to.is_loopback() && local_.host.is_any() ? Ipv4::loopback() : host_.address_;
  }

  Host& host_;
  const Address local_;
  net::UdpObserver& observer_;
  const bool for_programs_;
  bool cancelled_ = false;
};

Host::Host(World& world, Segment& segment, Ipv4 address, const LinkProfile& profile,
           std::uint64_t seed)
    : world_(world),
      segment_(&segment),
      address_(address),
      link_(world, *this, profile),
      random_(seed) {
  segment_->attach(address_, link_);
  freeze();
}

Host::~Host() {
  HSFWD_CHECK(sockets_.empty());
  segment_->detach(address_);
}

net::Env Host::env() {
  freeze();
  return net::Env{scheduler_, *this, random_, *this, *this, *this, world_.log()};
}

void Host::set_address(Segment& segment, Ipv4 address) {
  segment_->detach(address_);
  segment_ = &segment;
  address_ = address;
  segment_->attach(address_, link_);
}

void Host::sleep() {
  asleep_ = true;
}

void Host::wake() {
  asleep_ = false;
  run();
}

void Host::freeze() {
  if (!asleep_) scheduler_.freeze(world_.now());
}

void Host::run() {
  if (asleep_) return;
  scheduler_.advance_to(world_.now());
  schedule_wake();
}

void Host::schedule_wake() {
  const auto deadline = scheduler_.next_deadline();
  if (next_wake_ <= world_.now()) next_wake_ = Instant::max();
  if (asleep_ || !deadline || *deadline >= next_wake_) return;
  next_wake_ = std::max(*deadline, world_.now());
  world_.wake_later(next_wake_, *this);
}

void Host::send(Packet packet) {
  if (packet.to.host == address_ || packet.to.host.is_loopback()) {
    world_.deliver_later(world_.now(), *this, std::move(packet));
  } else {
    ++sent_;
    link_.send_up(std::move(packet), *segment_);
  }
}

/// What arrives at the same instant is handed over together, as a real socket does it.
void Host::receive(Packet packet) {
  if (asleep_) return;
  if (arrived_.empty()) world_.at(world_.now(), [this] { deliver_batches(); });
  arrived_.push_back(std::move(packet));
}

void Host::deliver_batches() {
  std::vector<Packet> packets = std::exchange(arrived_, {});
  if (asleep_) return;
  scheduler_.freeze(world_.now());
  std::map<std::uint16_t, std::vector<net::InboundDatagram>> batches;
  for (Packet& packet : packets) {
    const auto socket = sockets_.find(packet.to.port);
    if (socket == sockets_.end() || !socket->second->takes(packet)) continue;
    batches[packet.to.port].push_back({packet.from, packet.payload});
  }
  for (auto& [port, batch] : batches) {
    const auto socket = sockets_.find(port);
    if (socket != sockets_.end()) socket->second->deliver(batch);
    scheduler_.run_posted();
  }
  schedule_wake();
}

Result<std::unique_ptr<net::UdpSocket>> Host::bind(Address local, net::UdpObserver& observer) {
  return make_socket(local, observer, false);
}

Result<std::unique_ptr<net::UdpSocket>, std::string> Host::bind_for_programs(
    Address local, net::UdpObserver& observer, net::UdpLoad) {
  auto socket = make_socket(local, observer, true);
  if (!socket) return Err(std::string("address already in use"));
  return std::move(*socket);
}

Result<std::unique_ptr<net::UdpSocket>> Host::make_socket(Address local, net::UdpObserver& observer,
                                                          bool for_programs) {
  const bool ours = local.host.is_any() || local.host.is_loopback() || local.host == address_;
  if (!ours || sockets_.contains(local.port)) return Err(Errc::kUnavailable);
  while (local.port == 0 || sockets_.contains(local.port)) {
    local.port = static_cast<std::uint16_t>(32768 + random_.below(28000));
  }
  return std::unique_ptr<net::UdpSocket>(
      std::make_unique<HostSocket>(*this, local, observer, for_programs));
}

std::vector<net::Interface> Host::list() {
  return {{"lo", Ipv4::loopback(), true}, {"eth0", address_, false}};
}

namespace {

class NameLookup final : public net::Lookup {
 public:
  NameLookup(Scheduler& scheduler, Result<Ipv4> answer, net::Resolver::Done done)
      : timer_(scheduler, [answer, done = std::move(done)] { done(answer); }) {
    timer_.start(20_ms);
  }
  void cancel() override { timer_.stop(); }

 private:
  Timer timer_;
};

}  // namespace

std::unique_ptr<net::Lookup> Host::resolve(const std::string& host, Done done) {
  const auto& names = world_.names();
  const auto name = names.find(host);
  Result<Ipv4> answer = Err(Errc::kUnavailable);
  if (name != names.end()) answer = name->second;
  return std::make_unique<NameLookup>(scheduler_, answer, std::move(done));
}

}  // namespace hsfwd::sim
