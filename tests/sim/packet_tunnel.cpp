// SPDX-License-Identifier: Apache-2.0
#include "sim/packet_tunnel.hpp"

#include <algorithm>
#include <deque>

#include "util/check.hpp"

namespace hsfwd::sim {

namespace {

constexpr std::size_t kWithoutEnd = std::numeric_limits<std::size_t>::max();

/// A route of the table that all look into.
std::optional<net::TunnelError> taken_route(const net::TunnelSettings& wanted,
                                            const net::TunnelSettings& other) {
  const auto metric = [](const net::TunnelRoute& route) {
    return route.metric.value_or(net::kRouteMetric);
  };
  const auto in_main = [](const net::TunnelSettings& settings, const net::TunnelRoute& route) {
    return route.even_marked || !settings.firewall_mark;
  };
  for (const net::TunnelRoute& route : wanted.routes) {
    for (const net::TunnelRoute& there : other.routes) {
      if (!in_main(wanted, route) || !in_main(other, there)) continue;
      if (route.to != there.to || metric(route) != metric(there)) continue;
      return net::TunnelError{"there is a route to " + route.to.to_string() + " of metric " +
                                  std::to_string(metric(route)) + " already",
                              route.to};
    }
  }
  return std::nullopt;
}

}  // namespace

class HostTunnel final : public net::PacketTunnel {
 public:
  HostTunnel(Tunnels& tunnels, net::TunnelSettings settings, net::PacketTunnelObserver& observer)
      : tunnels_(tunnels),
        settings_(std::move(settings)),
        observer_(observer),
        turn_(tunnels.host_.scheduler(), [this] { take_turn(); }) {
    tunnels_.tunnels_[settings_.name] = this;
  }
  ~HostTunnel() override {
    if (!lost_) tunnels_.tunnels_.erase(settings_.name);
  }

  void cancel() override {
    cancelled_ = true;
    turn_.stop();
  }
  const std::string& name() const override { return settings_.name; }
  std::size_t mtu() const override { return settings_.mtu; }

  Result<void, std::string> set_mtu(std::size_t mtu) override {
    std::string problem = net::problem_with_mtu(settings_, mtu);
    if (!problem.empty()) return Err(std::move(problem));
    settings_.mtu = mtu;
    return {};
  }

  std::size_t write(std::span<const MutableBytes> packets) override {
    if (cancelled_ || lost_) return packets.size();
    const std::size_t taken = std::min(packets.size(), room_);
    for (const MutableBytes packet : packets.first(taken)) {
      // What it may do to them, it does, so that nobody relies on what stood there.
      std::fill_n(packet.data() - net::kTunnelWriteHeadroom, net::kTunnelWriteHeadroom, 0xee);
      if (is_ip(packet)) received_.push_back(to_bytes(packet));
      std::fill(packet.begin(), packet.end(), 0xee);
    }
    if (room_ != kWithoutEnd) room_ -= taken;
    full_ = taken < packets.size();
    return taken;
  }

  void pause_reading() override { reading_ = false; }
  void resume_reading() override {
    reading_ = true;
    wake();
  }

 private:
  friend class Tunnels;

  static bool is_ip(ByteView packet) {
    return !packet.empty() && (packet[0] >> 4 == 4 || packet[0] >> 4 == 6);
  }

  void send(Bytes packet) {
    if (queue_.size() >= Tunnels::kQueue || packet.size() > settings_.mtu) return;
    queue_.push_back(std::move(packet));
    wake();
  }

  void set_room(std::size_t packets) {
    room_ = packets;
    wake();
  }

  void lose(const std::string& reason) {
    lost_ = true;
    reason_ = reason;
    queue_.clear();
    tunnels_.tunnels_.erase(settings_.name);
    wake();
  }

  void wake() {
    if (cancelled_) return;
    turn_.start(Duration());
    tunnels_.host_.schedule_wake();
  }

  void take_turn() {
    if (lost_) {
      cancelled_ = true;
      return observer_.on_tunnel_lost(*this, reason_);
    }
    if (full_ && room_ > 0) {
      full_ = false;
      observer_.on_writable(*this);
    }
    if (reading_ && !cancelled_ && !queue_.empty()) deliver();
  }

  void deliver() {
    const std::size_t count = std::min(queue_.size(), net::kMaxTunnelBatch);
    std::vector<Bytes> memory;
    std::vector<MutableBytes> batch;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes packet = std::move(queue_.front());
      queue_.pop_front();
      Bytes& room =
          memory.emplace_back(net::kTunnelHeadroom + packet.size() + net::kTunnelTailroom);
      batch.push_back(MutableBytes(room).subspan(net::kTunnelHeadroom, packet.size()));
      copy_bytes(packet, batch.back());
    }
    if (!queue_.empty()) wake();
    observer_.on_packets(*this, batch);
  }

  Tunnels& tunnels_;
  net::TunnelSettings settings_;
  net::PacketTunnelObserver& observer_;
  std::deque<Bytes> queue_;
  std::vector<Bytes> received_;
  std::size_t room_ = kWithoutEnd;
  bool full_ = false;
  bool reading_ = true;
  bool lost_ = false;
  bool cancelled_ = false;
  std::string reason_;
  Timer turn_;
};

Tunnels::~Tunnels() {
  HSFWD_CHECK(tunnels_.empty());
}

Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> Tunnels::open(
    const net::TunnelSettings& settings, net::PacketTunnelObserver& observer) {
  ++opens_;
  std::string problem = net::problem_with(settings);
  if (!problem.empty()) return Err(net::TunnelError{std::move(problem)});
  net::TunnelSettings own = settings;
  if (own.name.ends_with("%d")) {
    const std::string stem = own.name.substr(0, own.name.size() - 2);
    int number = 0;
    while (exists(stem + std::to_string(number))) ++number;
    own.name = stem + std::to_string(number);
  }
  if (exists(own.name)) {
    return Err(net::TunnelError{"the interface '" + own.name + "' is in use by another program"});
  }
  for (const auto& [name, other] : tunnels_) {
    if (auto taken = taken_route(own, other->settings_)) {
      taken->text += " through '" + name + "'";
      return Err(std::move(*taken));
    }
  }
  return std::unique_ptr<net::PacketTunnel>(
      std::make_unique<HostTunnel>(*this, std::move(own), observer));
}

HostTunnel& Tunnels::at(const std::string& name) const {
  const auto found = tunnels_.find(name);
  HSFWD_CHECK(found != tunnels_.end());
  return *found->second;
}

const net::TunnelSettings& Tunnels::settings(const std::string& name) const {
  return at(name).settings_;
}

void Tunnels::send(const std::string& name, Bytes packet) {
  host_.freeze();
  at(name).send(std::move(packet));
}

std::vector<Bytes> Tunnels::take_received(const std::string& name) {
  return std::exchange(at(name).received_, {});
}

void Tunnels::set_room(const std::string& name, std::size_t packets) {
  host_.freeze();
  at(name).set_room(packets);
}

void Tunnels::lose(const std::string& name, const std::string& reason) {
  host_.freeze();
  at(name).lose(reason);
}

void Tunnels::set_mtu(const std::string& name, std::size_t mtu) {
  at(name).settings_.mtu = mtu;
}

}  // namespace hsfwd::sim
