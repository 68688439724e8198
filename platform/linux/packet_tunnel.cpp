// SPDX-License-Identifier: Apache-2.0
// A TUN interface on the loop. That it is gone, or down, or has another MTU, the kernel tells on a
// netlink socket; the descriptor is silent about most of it.
#include "platform/linux/packet_tunnel.hpp"

#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "platform/common/handle.hpp"
#include "platform/linux/kill_switch.hpp"
#include "platform/linux/netlink.hpp"
#include "platform/linux/netlink_news.hpp"
#include "platform/linux/tun_device.hpp"
#include "platform/linux/tunnel_setup.hpp"
#include "platform/packet_tunnels.hpp"
#include "platform/socket_marks.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kGone = "the interface was deleted";
constexpr const char* kDown = "the interface was set down";

/// The loop's datagrams have the tunnel's mark as long as this lives, or until a kill switch gives them its own.
struct Unmark {
  std::uint32_t mark = 0;
  void operator()(Loop* loop) const {
    if (loop->socket_marks().mark() == mark) loop->socket_marks().set(0);
  }
};
using DatagramMark = std::unique_ptr<Loop, Unmark>;

/// Leaves in `settings` the mark that the loop's datagrams have taken, or none.
Result<DatagramMark, std::string> mark_datagrams(Loop& loop, TunnelSetup& setup,
                                                 net::TunnelSettings& settings) {
  // The kill switch has seen to it.
  if (settings.kill_switch) return DatagramMark();
  auto mark = setup.find_mark(settings);
  if (!mark) return Err(mark.error());
  if (*mark && loop.socket_marks().mark() != 0) {
    return Err(std::string("our own datagrams have the firewall mark of another tunnel"));
  }
  if (*mark && !loop.socket_marks().set(**mark)) mark->reset();
  settings.firewall_mark = *mark;
  return DatagramMark(*mark ? &loop : nullptr, Unmark{mark->value_or(0)});
}

class LinuxPacketTunnel final : public net::PacketTunnel {
 public:
  LinuxPacketTunnel(Loop& loop, TunDevice device, DatagramMark mark,
                    std::unique_ptr<TunnelSetup> setup, int interface, UniqueFd news,
                    const net::TunnelSettings& settings, net::PacketTunnelObserver& observer)
      : loop_(loop),
        observer_(observer),
        settings_(settings),
        interface_(interface),
        mtu_(settings.mtu),
        device_(std::move(device)),
        mark_(std::move(mark)),
        setup_(std::move(setup)),
        news_(std::move(news)),
        // What happened before there was news to hear of.
        first_look_(loop.scheduler(), [this] { look(); }),
        poll_(loop, device_.fd(), [this](int events) { on_ready(events); }),
        news_poll_(loop, news_.get(), [this](int) { hear(); }) {
    loop_.own_interfaces().insert(device_.name());
    first_look_.post();
    news_poll_.watch(UV_READABLE);
    watch();
  }

  ~LinuxPacketTunnel() override { loop_.own_interfaces().erase(device_.name()); }

  void cancel() override {
    cancelled_ = true;
    first_look_.cancel();
    watch();
    news_poll_.cancel();
  }

  const std::string& name() const override { return device_.name(); }
  std::size_t mtu() const override { return mtu_; }

  Result<void, std::string> set_mtu(std::size_t mtu) override {
    std::string problem = net::problem_with_mtu(settings_, mtu);
    if (!problem.empty()) return Err(std::move(problem));
    const auto done = setup_->netlink().set_mtu(interface_, mtu);
    if (!done) return Err(done.error().text);
    mtu_ = mtu;
    return {};
  }

  std::size_t write(std::span<const MutableBytes> packets) override {
    if (cancelled_) return packets.size();
    const TunWriter::Sent sent = device_.send(packets);
    if (sent.full) {
      full_ = true;
      watch();
    }
    return sent.taken;
  }

  void pause_reading() override {
    reading_ = false;
    watch();
  }
  void resume_reading() override {
    reading_ = true;
    watch();
  }

  net::TunnelDrops drops() const override {
    return {.full = device_.drops().full, .late = device_.drops().late};
  }

 private:
  void watch() {
    if (cancelled_) return poll_.cancel();
    // The kernel takes packets nearly always: what was read and had no room in a batch comes in the next turn.
    const bool soon = full_ || (reading_ && device_.has_more());
    poll_.watch((reading_ ? UV_READABLE : 0) | (soon ? UV_WRITABLE : 0));
  }

  void on_ready(int events) {
    if (cancelled_) return;
    if ((events & UV_WRITABLE) != 0 && full_ && device_.flush()) {
      full_ = false;
      observer_.on_writable(*this);
    }
    const bool readable = (events & UV_READABLE) != 0 || device_.has_more();
    if (readable && reading_ && !cancelled_) receive();
    // Also after an error, with which the loop has stopped watching.
    watch();
  }

  /// One batch a turn of the loop, so that others get theirs.
  void receive() {
    const TunReader::Received received = device_.receive(loop_.scheduler().now());
    if (!received.packets.empty()) observer_.on_packets(*this, received.packets);
    if (received.error == EBADFD) return lose(kGone);
    if (received.error != 0) lose(std::system_category().message(received.error));
  }

  void hear() {
    const bool whole = read_link_news(news_.get(), [this](const LinkNews& news) {
      if (cancelled_ || news.interface != interface_) return;
      if (news.mtu) mtu_ = *news.mtu;
      if (news.gone) return lose(kGone);
      if (!news.up) lose(kDown);
    });
    if (!whole && !cancelled_) look();
  }

  void look() {
    const auto link = setup_->netlink().link(interface_);
    if (!link) return lose(link.error().number == ENODEV ? kGone : link.error().text);
    mtu_ = link->mtu;
    if (!link->up) lose(kDown);
  }

  void lose(const std::string& reason) {
    if (cancelled_) return;
    cancel();
    observer_.on_tunnel_lost(*this, reason);
  }

  Loop& loop_;
  net::PacketTunnelObserver& observer_;
  const net::TunnelSettings settings_;
  const int interface_;
  std::size_t mtu_;
  bool cancelled_ = false;  // or lost
  bool reading_ = true;
  bool full_ = false;
  TunDevice device_;
  const DatagramMark mark_;             // goes behind the rules about it
  std::unique_ptr<TunnelSetup> setup_;  // goes ahead of the device that it is about
  UniqueFd news_;
  Task first_look_;
  Poll poll_;
  Poll news_poll_;
};

class LinuxPacketTunnelFactory final : public net::PacketTunnelFactory {
 public:
  explicit LinuxPacketTunnelFactory(Loop& loop) : loop_(loop) {}

  Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> open(
      const net::TunnelSettings& wanted, net::PacketTunnelObserver& observer) override {
    std::string problem = net::problem_with(wanted);
    if (!problem.empty()) return Err(net::TunnelError{std::move(problem)});
    if (auto done = hold(wanted); !done) return Err(net::TunnelError{done.error()});
    net::TunnelSettings settings = wanted;
    if (kill_switch_) settings.firewall_mark = kill_switch_->mark();
    auto parts = open_tunnel_parts();
    if (!parts) return Err(net::TunnelError{parts.error()});
    auto made = make_packet_tunnel(loop_, std::move(*parts), settings, observer);
    if (made && kill_switch_) kill_switch_->own();
    return made;
  }

  Result<void, std::string> hold(const net::TunnelSettings& settings) override {
    if (!settings.kill_switch) {
      // Asked for: one that was found goes as well.
      if (kill_switch_) kill_switch_->own();
      kill_switch_.reset();
      return {};
    }
    if (kill_switch_) return kill_switch_->turn_on(settings);
    auto made = KillSwitch::make(loop_, settings);
    if (!made) return Err(made.error());
    kill_switch_ = std::move(*made);
    return {};
  }

 private:
  Loop& loop_;
  std::unique_ptr<KillSwitch> kill_switch_;
};

}  // namespace

Result<TunnelParts, std::string> open_tunnel_parts() {
  auto device = TunDevice::open_descriptor();
  if (!device) return Err(device.error());
  UniqueFd netlink = open_netlink_socket();
  UniqueFd news = open_link_news();
  if (!netlink || !news) {
    return Err("the network cannot be asked: " + std::system_category().message(errno));
  }
  return TunnelParts{std::move(*device), std::move(netlink), std::move(news)};
}

Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> make_packet_tunnel(
    Loop& loop, TunnelParts parts, const net::TunnelSettings& wanted,
    net::PacketTunnelObserver& observer) {
  auto device = TunDevice::adopt(std::move(parts.device), wanted);
  if (!device) return Err(net::TunnelError{device.error()});
  auto netlink = Netlink::adopt(std::move(parts.netlink));
  if (!netlink) {
    return Err(net::TunnelError{"the network cannot be asked: " + netlink.error().text});
  }
  const auto interface = netlink->index_of(device->name());
  if (!interface) return Err(net::TunnelError{kGone});
  auto setup = std::make_unique<TunnelSetup>(std::move(*netlink), *interface, device->name());
  net::TunnelSettings settings = wanted;
  auto mark = mark_datagrams(loop, *setup, settings);
  if (!mark) return Err(net::TunnelError{mark.error()});
  const auto applied = setup->apply(settings);
  if (!applied) return Err(applied.error());
  // Of what was done just now, the interface's being down before it was up included.
  static_cast<void>(read_link_news(parts.news.get(), [](const LinkNews&) {}));
  try {
    return std::unique_ptr<net::PacketTunnel>(std::make_unique<LinuxPacketTunnel>(
        loop, std::move(*device), std::move(*mark), std::move(setup), *interface,
        std::move(parts.news), settings, observer));
  } catch (const std::system_error& error) {
    return Err(net::TunnelError{error.what()});
  }
}

std::unique_ptr<net::PacketTunnelFactory> make_packet_tunnel_factory(Loop& loop) {
  return std::make_unique<LinuxPacketTunnelFactory>(loop);
}

}  // namespace hsfwd::platform
