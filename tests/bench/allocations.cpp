// SPDX-License-Identifier: Apache-2.0
// Counts what a transfer over UDX allocates, in the clear, as encrypted records and as packets beside the stream:
// nothing for a packet, once everything has grown to its size.
// Unlike other benches this one has a verdict, since it counts and takes no time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/crypto.hpp"
#include "hyperdht/peer/packet_drops.hpp"
#include "hyperdht/peer/packet_lane.hpp"
#include "hyperdht/wire/extension.hpp"
#include "noise/handshake.hpp"
#include "secret_stream/framing.hpp"
#include "sim/random.hpp"
#include "udx/mux.hpp"

namespace {
std::uint64_t allocations = 0;
}

// Those of libraries in C count as well. What is replaced is glibc's, which is there under these names, too.
#ifdef __GLIBC__
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  ++allocations;
  return __libc_calloc(number, size);
}
void* realloc(void* memory, std::size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
}
#endif

namespace hsfwd {

namespace {

constexpr Duration kDelay = 10_ms;           // one way
constexpr double kRate = 25e6;               // bytes a second, one way
constexpr std::size_t kInTransit = 4096;     // packets; more are dropped
constexpr std::size_t kBatch = 64;           // what recvmmsg brings at once
constexpr std::uint64_t kWarmUp = 100'000;   // packets
constexpr std::uint64_t kCounted = 200'000;  // packets
constexpr std::size_t kPacketsAtOnce = 32;   // beside a stream, each way
constexpr std::uint64_t kLateGrowth = 4;     // times that a queue may still become longer than ever

/// One direction of a link, whose packets lie in slots that are there from the beginning: the
/// simulator allocates for each.
class Direction {
 public:
  explicit Direction(int loss) : loss_(loss), slots_(kInTransit) {}

  void send(Instant now, net::Address from, const net::OutboundDatagram& datagram) {
    ++sent_;
    const bool lost = loss_ > 0 && sent_ % static_cast<std::uint64_t>(loss_) == 0;
    if (lost || end_ - begin_ == kInTransit) return;
    Slot& slot = slots_[end_++ % kInTransit];
    slot.from = from;
    slot.size = 0;
    for (const ByteView part : datagram.parts) {
      std::memcpy(slot.bytes.data() + slot.size, part.data(), part.size());
      slot.size += part.size();
    }
    const double seconds = static_cast<double>(slot.size) / kRate;
    free_at_ = std::max(free_at_, now) + Duration::micros(static_cast<std::int64_t>(seconds * 1e6));
    slot.arrives = free_at_ + kDelay;
  }
  Instant next() const {
    return begin_ == end_ ? Instant::max() : slots_[begin_ % kInTransit].arrives;
  }
  /// Those that have arrived, a batch at most; they are there until the next call.
  std::span<net::InboundDatagram> receive(Instant now) {
    std::size_t n = 0;
    for (; n < kBatch && next() <= now; ++n) {
      Slot& slot = slots_[begin_++ % kInTransit];
      batch_[n] = {slot.from, {slot.bytes.data(), slot.size}};
    }
    return {batch_.data(), n};
  }
  std::uint64_t sent() const { return sent_; }

 private:
  struct Slot {
    Instant arrives;
    net::Address from;
    std::size_t size = 0;
    std::array<std::uint8_t, net::kMaxDatagram> bytes;
  };
  const int loss_;  // one in so many, 0: none
  std::vector<Slot> slots_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t sent_ = 0;
  Instant free_at_;
  std::array<net::InboundDatagram, kBatch> batch_;
};

class Socket final : public net::UdpSocket {
 public:
  Socket(Scheduler& scheduler, Direction& out, net::Address local)
      : scheduler_(scheduler), out_(out), local_(local) {}
  void cancel() override {}
  net::Address local_address() const override { return local_; }
  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    for (const auto& datagram : batch) out_.send(scheduler_.now(), local_, datagram);
    return batch.size();
  }

 private:
  Scheduler& scheduler_;
  Direction& out_;
  const net::Address local_;
};

/// Of the two sides of a connection, as a handshake leaves them.
noise::Session session(bool initiator) {
  sim::SeededRandom random{7};
  noise::Session out;
  const auto one = random.fixed<crypto::Key32>();
  const auto other = random.fixed<crypto::Key32>();
  out.tx = initiator ? one : other;
  out.rx = initiator ? other : one;
  out.initiator = initiator;
  return out;
}

/// Sends for ever, and reads at once.
struct Side final : udx::StreamObserver, hyperdht::LaneObserver {
  /// From now on in records, as peer connections do.
  void encrypt(BufferPool& pool, bool initiator) {
    sim::SeededRandom random{initiator ? 8u : 9u};
    const noise::Session keys = session(initiator);
    sender.emplace(keys, random.fixed<crypto::StreamHeader>());
    receiver.emplace(keys, pool);
    stream->write(sender->header_frame());
  }
  bool accept_path(net::UdpSocket&, net::Address) override { return true; }
  void on_data(std::span<const ByteView> chunks) override {
    std::size_t size = 0;
    for (const ByteView chunk : chunks) {
      size += chunk.size();
      if (receiver) take(chunk);
    }
    stream->consume(receiver ? receiver->take_credit() : size);
  }
  void take(ByteView chunk) {
    if (!receiver->feed(chunk)) give_up("a record does not open");
    for (ByteView next = receiver->peek(); !next.empty(); next = receiver->peek()) {
      receiver->consume(next.size());
    }
  }
  /// From now on IP packets go to and fro beside the stream, and nothing on it. `above`: bytes that they are
  /// larger than what goes whole.
  void exchange_packets(Scheduler& scheduler, bool initiator, std::size_t above) {
    sim::SeededRandom random{10};
    datagrams.emplace(session(initiator), random, true, hyperdht::Extension::kOfConnections);
    packets.emplace(hyperdht::PacketLane::kIp, *stream, *datagrams, drops, scheduler);
    packets->set_observer(this);
    packets->announce();
    packet_size = packets->max_packet() + above;
    tunnel.resize(kPacketsAtOnce * (net::kTunnelHeadroom + packet_size + net::kTunnelTailroom));
  }
  void send_packets(std::size_t number) {
    std::array<MutableBytes, kPacketsAtOnce> batch;
    for (std::size_t i = 0; i < number; ++i) {
      const std::size_t at = i * (net::kTunnelHeadroom + packet_size + net::kTunnelTailroom);
      batch[i] = MutableBytes(tunnel).subspan(at + net::kTunnelHeadroom, packet_size);
    }
    std::size_t taken = 0;
    packets->send(std::span(batch).first(number), taken);
    if (taken != number) give_up("a packet is not taken");
  }
  void on_messages(std::span<const MutableBytes> messages) override {
    for (const MutableBytes message : messages) {
      const auto opened = datagrams->open(message);
      if (!opened) give_up("a packet does not open");
      packets->take(opened->channel, opened->payload);
    }
    packets->deliver();
  }
  void on_packets(std::span<const MutableBytes> batch) override { send_packets(batch.size()); }
  void on_packets_writable() override {}
  void on_max_packet() override {}
  void on_end() override {}
  void on_writable() override {
    while (stream->send_room() > 0) {
      MutableBytes room = stream->reserve(2048);
      room = room.first(std::min<std::size_t>(room.size(), 16 * 1024));
      if (sender) sender->seal(room);
      stream->commit(room.size());
    }
    stream->want_room();
  }
  void on_closed(udx::CloseReason) override { give_up("a stream has ended"); }
  [[noreturn]] static void give_up(const char* why) {
    fmt::print(stderr, "{}\n", why);
    std::exit(1);
  }
  std::unique_ptr<udx::Stream> stream;
  std::optional<secret_stream::Sender> sender;
  std::optional<secret_stream::Receiver> receiver;
  std::optional<hyperdht::Datagrams> datagrams;
  std::optional<hyperdht::PacketLane> packets;
  hyperdht::PacketDrops drops;
  std::size_t packet_size = 0;  // of an IP packet
  Bytes tunnel;
};

struct End {
  End(Scheduler& scheduler, Random& random, Direction& out, net::Address local)
      : mux(scheduler, random), socket(scheduler, out, local), path(mux.create_path()) {}
  void receive(Direction& in, Instant now) {
    for (auto batch = in.receive(now); !batch.empty(); batch = in.receive(now)) {
      for (const auto& datagram : batch) mux.on_datagram(socket, datagram);
      mux.end_batch();
    }
  }
  udx::Mux mux;
  Socket socket;
  std::unique_ptr<udx::Path> path;
  std::vector<std::unique_ptr<Side>> sides;
};

struct Case {
  const char* what;
  std::size_t streams = 1;
  int loss = 0;  // one in so many, 0: none
  bool both_ways = false;
  bool encrypted = false;
  bool packets = false;   // beside the stream
  std::size_t above = 0;  // bytes that they are larger than what goes whole
};

class Transfer {
 public:
  explicit Transfer(const Case& what) : there_(what.loss), back_(what.both_ways ? what.loss : 0) {
    for (std::size_t i = 0; i < what.streams; ++i) {
      for (End* end : {&a_, &b_}) {
        end->sides.push_back(std::make_unique<Side>());
        Side& side = *end->sides.back();
        side.stream = end->mux.create_stream(*end->path, side, {.acks = udx::AckPolicy::kBatched});
      }
      udx::Stream& from = *a_.sides.back()->stream;
      udx::Stream& to = *b_.sides.back()->stream;
      from.connect(a_.socket, to.id(), b_.socket.local_address());
      to.connect(b_.socket, from.id(), a_.socket.local_address());
      Side& a = *a_.sides.back();
      Side& b = *b_.sides.back();
      if (what.packets) {
        a.exchange_packets(scheduler_, true, what.above);
        b.exchange_packets(scheduler_, false, what.above);
        a.send_packets(kPacketsAtOnce);
        b.send_packets(kPacketsAtOnce);
        continue;
      }
      if (what.encrypted) a.encrypt(pool_, true);
      if (what.encrypted) b.encrypt(pool_, false);
      a.on_writable();
      if (what.both_ways) b.on_writable();
    }
  }
  ~Transfer() {
    for (End* end : {&a_, &b_}) {
      end->sides.clear();
      end->mux.end_batch();
    }
  }

  std::uint64_t packets() const { return there_.sent() + back_.sent(); }
  void run(std::uint64_t packets_more) {
    const std::uint64_t until = packets() + packets_more;
    while (packets() < until) {
      const Instant timer = scheduler_.next_deadline().value_or(Instant::max());
      const Instant now =
          std::max(scheduler_.now(), std::min({there_.next(), back_.next(), timer}));
      scheduler_.advance_to(now);
      a_.receive(back_, now);
      b_.receive(there_, now);
      scheduler_.run_posted();
    }
  }

 private:
  Scheduler scheduler_;
  sim::SeededRandom random_{1};
  BufferPool pool_{64 * 1024 + 64, 64};  // as a node's
  Direction there_;
  Direction back_;
  End a_{scheduler_, random_, there_, {net::Ipv4::of(10, 0, 0, 1), 1}};
  End b_{scheduler_, random_, back_, {net::Ipv4::of(10, 0, 0, 2), 2}};
};

/// True when nothing was allocated for a packet.
bool measure(const Case& measured) {
  Transfer transfer(measured);
  transfer.run(kWarmUp);
  const std::uint64_t before = allocations;
  transfer.run(kCounted);
  const std::uint64_t made = allocations - before;
  fmt::print("{:<50} {:>8} packets {:>8} allocations {:>10.6f} a packet\n", measured.what, kCounted,
             made, static_cast<double>(made) / static_cast<double>(kCounted));
  return made <= kLateGrowth;
}

}  // namespace

}  // namespace hsfwd

int main() {
  hsfwd::crypto::initialize();
  if (allocations == 0) {
    fmt::print("skipped: allocations are counted with glibc only\n");
    return 77;
  }
  bool none = true;
  for (const hsfwd::Case& measured : {
           hsfwd::Case{.what = "one stream, one way"},
           {.what = "one stream, both ways", .both_ways = true},
           {.what = "one stream, one packet in 100 is lost", .loss = 100},
           {.what = "eight streams on one path", .streams = 8},
           {.what = "eight streams, one packet in 100 is lost",
           .streams = 8,
           .loss = 100,
           .both_ways = true},
           {.what = "encrypted, both ways", .both_ways = true, .encrypted = true},
           {.what = "encrypted, one packet in 100 is lost", .loss = 100, .encrypted = true},
           {.what = "packets beside a stream, both ways", .packets = true},
           {.what = "packets in two parts, both ways", .packets = true, .above = 100},
       }) {
    none &= hsfwd::measure(measured);
  }
  return none ? 0 : 1;
}
