// SPDX-License-Identifier: Apache-2.0
// What streams make of links of all kinds, in the simulator: how much of the link they use, how long its queue is, how they share it
// among themselves and with a CUBIC flow. usage: bench_wan_table [alone|shared|cubic] [MBIT [RTT_MS [LOSS_PERCENT]]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/cubic.hpp"
#include "sim/host.hpp"
#include "udx/mux.hpp"

namespace hsfwd {

namespace {

constexpr double kHeaders = 48;  // IP, UDP and UDX, bytes
constexpr double kMtu = 1500;

/// A link to one host, in both directions.
struct Cell {
  double mbit = 0;
  int rtt_ms = 0;
  double loss_percent = 0;
  bool deep = false;

  double rate() const { return mbit * 1e6 / 8; }
  double product() const { return rate() * rtt_ms / 1e3; }
  sim::LinkProfile link() const {
    const double packets = deep ? 40 : 10;
    sim::LinkProfile out;
    out.delay = Duration::micros(rtt_ms * 500);
    out.rate = static_cast<std::uint64_t>(rate());
    out.loss = loss_percent / 100;
    out.queue = static_cast<std::size_t>(std::max((deep ? 4.0 : 0.1) * product(), packets * kMtu));
    return out;
  }
  /// Large cells take long to simulate.
  Duration warm_up() const {
    return Duration::millis(mbit > 500 ? 2500 : 5000) + Duration::millis(rtt_ms) * 10;
  }
  Duration measured() const { return Duration::seconds(mbit > 500 ? 6 : 20); }
};

class Station : public net::UdpObserver {
 public:
  explicit Station(sim::Host& host)
      : host_(host), env_(host.env()), mux_(env_.scheduler, env_.random) {
    auto socket = env_.udp.bind({net::Ipv4::any(), 0}, *this);
    HSFWD_CHECK(socket.ok());
    socket_ = std::move(*socket);
  }
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) mux_.on_datagram(socket, datagram);
    mux_.end_batch();
  }
  net::Address address() const { return {host_.address(), socket_->local_address().port}; }

  sim::Host& host_;
  net::Env env_;
  std::unique_ptr<net::UdpSocket> socket_;
  udx::Mux mux_;
};

/// One end of a stream: sends without end if told to, and reads at once.
class End : public udx::StreamObserver {
 public:
  bool accept_path(net::UdpSocket&, net::Address) override { return true; }
  void on_data(std::span<const ByteView> chunks) override {
    for (const ByteView chunk : chunks) {
      received += chunk.size();
      stream->consume(chunk.size());
    }
  }
  void on_end() override {}
  void on_writable() override {
    while (stream->send_room() > 0) stream->commit(stream->reserve(1).size());
  }
  void on_messages(std::span<const MutableBytes>) override {}
  void on_closed(udx::CloseReason) override {}

  std::unique_ptr<udx::Path> path;
  std::unique_ptr<udx::Stream> stream;
  std::uint64_t received = 0;
};

struct Flow {
  End sender;
  End receiver;
  std::uint64_t before = 0;
  double share = 0;  // of the link
};

struct Outcome {
  double use = 0;
  double queue95 = 0;  // milliseconds
  double repeated = 0;
  double jain = 0;
  std::vector<double> shares;
};

enum class Control { kBbr, kCubic };

Outcome run(const Cell& cell, const std::vector<Control>& controls) {
  sim::World world(7);
  Station from(world.add_host(net::Ipv4::of(52, 0, 0, 1), {.delay = {}}));
  Station to(world.add_host(net::Ipv4::of(52, 0, 0, 2), cell.link()));
  std::vector<std::unique_ptr<Flow>> flows;
  udx::StreamOptions options;
  options.first_window = 256 * 1024;  // as a node's connections have it
  options.acks = udx::AckPolicy::kBatched;
  for (const Control control : controls) {
    Flow& flow = *flows.emplace_back(std::make_unique<Flow>());
    End& a = flow.sender;
    End& b = flow.receiver;
    a.path = control == Control::kBbr ? from.mux_.create_path()
                                      : from.mux_.create_path(std::make_unique<bench::Cubic>(1152));
    a.stream = from.mux_.create_stream(*a.path, a, options);
    b.stream = to.mux_.create_stream(b, options);
    b.stream->let_window_grow();
    a.stream->connect(*from.socket_, b.stream->id(), to.address());
    b.stream->connect(*to.socket_, a.stream->id(), from.address());
    // As the handshake has measured it.
    a.stream->set_rtt_hint(Duration::millis(cell.rtt_ms));
    b.stream->set_rtt_hint(Duration::millis(cell.rtt_ms));
    a.on_writable();
    world.run_for(Duration::millis(controls.size() > 1 ? 300 : 0));
  }
  world.run_for(cell.warm_up() * (controls.size() > 1 ? 2 : 1));
  const auto sum_of = [&](auto field) {
    std::uint64_t out = 0;
    for (const auto& flow : flows) out += flow->sender.stream->stats().*field;
    return out;
  };
  for (const auto& flow : flows) flow->before = flow->receiver.received;
  const std::uint64_t sent = sum_of(&udx::StreamStats::packets_sent);
  const std::uint64_t repeated = sum_of(&udx::StreamStats::packets_repeated);
  const Instant start = world.now();
  const Duration length = cell.measured() * (controls.size() > 1 ? 2 : 1);
  std::vector<double> queue;
  while (world.now() - start < length) {
    world.run_for(Duration::micros(std::max(1000, cell.rtt_ms * 20)));
    queue.push_back(to.host_.link().waiting_down().to_seconds() * 1e3);
  }
  Outcome out;
  const double whole = cell.rate() * length.to_seconds() * (kMtu - kHeaders) / kMtu;
  double squares = 0;
  for (const auto& flow : flows) {
    flow->share = static_cast<double>(flow->receiver.received - flow->before) / whole;
    out.shares.push_back(flow->share);
    out.use += flow->share;
    squares += flow->share * flow->share;
  }
  out.jain = out.use * out.use / (static_cast<double>(flows.size()) * squares);
  const auto at = static_cast<std::ptrdiff_t>(queue.size() * 95 / 100);
  std::nth_element(queue.begin(), queue.begin() + at, queue.end());
  out.queue95 = queue[static_cast<std::size_t>(at)];
  out.repeated = static_cast<double>(sum_of(&udx::StreamStats::packets_repeated) - repeated) /
                 static_cast<double>(sum_of(&udx::StreamStats::packets_sent) - sent);
  for (const auto& flow : flows) {
    flow->sender.stream.reset();
    flow->receiver.stream.reset();
  }
  return out;
}

struct Filter {
  double mbit = 0;
  int rtt_ms = 0;
  double loss_percent = -1;

  bool takes(const Cell& cell) const {
    return (mbit == 0 || mbit == cell.mbit) && (rtt_ms == 0 || rtt_ms == cell.rtt_ms) &&
           (loss_percent < 0 || loss_percent == cell.loss_percent);
  }
};

template <class F>
void each(const Filter& filter, const std::vector<double>& losses, F&& show) {
  for (const double mbit : {1.0, 10.0, 100.0, 1000.0}) {
    for (const int rtt_ms : {1, 20, 100, 300}) {
      for (const double loss : losses) {
        for (const bool deep : {false, true}) {
          const Cell cell{mbit, rtt_ms, loss, deep};
          if (!filter.takes(cell)) continue;
          fmt::print("{:>5} Mbit/s {:>4} ms {:>4} % {:>7}: ", mbit, rtt_ms, loss,
                     deep ? "deep" : "shallow");
          show(cell);
          std::fflush(stdout);
        }
      }
    }
  }
}

void alone(const Filter& filter) {
  each(filter, {0, 0.1, 1, 5}, [](const Cell& cell) {
    const Outcome o = run(cell, {Control::kBbr});
    fmt::print("use {:5.1f} %, queue p95 {:7.1f} ms ({:4.2f} RTT), repeated {:5.2f} %\n",
               o.use * 100, o.queue95, o.queue95 / cell.rtt_ms, o.repeated * 100);
  });
}

void shared(const Filter& filter) {
  each(filter, {0, 1}, [](const Cell& cell) {
    if (cell.mbit > 500 || cell.rtt_ms > 200) return fmt::print("-\n");
    for (const std::size_t flows : {2u, 8u}) {
      const Outcome o = run(cell, std::vector<Control>(flows, Control::kBbr));
      fmt::print("{} streams: use {:5.1f} %, Jain {:4.2f}, queue {:4.2f} RTT, repeated {:5.2f} %  ",
                 flows, o.use * 100, o.jain, o.queue95 / cell.rtt_ms, o.repeated * 100);
    }
    fmt::print("\n");
  });
}

void cubic(const Filter& filter) {
  each(filter, {0, 0.1}, [](const Cell& cell) {
    if (cell.mbit > 500 || cell.rtt_ms > 200) return fmt::print("-\n");
    const Outcome alone = run(cell, {Control::kCubic});
    const Outcome o = run(cell, {Control::kCubic, Control::kBbr});
    fmt::print("CUBIC alone {:5.1f} %; with a stream: CUBIC {:5.1f} %, stream {:5.1f} %\n",
               alone.use * 100, o.shares[0] * 100, o.shares[1] * 100);
  });
}

}  // namespace

}  // namespace hsfwd

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "all";
  const bool all = what == "all";
  hsfwd::Filter filter;
  if (argc > 2) filter.mbit = std::atof(argv[2]);
  if (argc > 3) filter.rtt_ms = std::atoi(argv[3]);
  if (argc > 4) filter.loss_percent = std::atof(argv[4]);
  if (all || what == "alone") hsfwd::alone(filter);
  if (all || what == "shared") hsfwd::shared(filter);
  if (all || what == "cubic") hsfwd::cubic(filter);
  return 0;
}
