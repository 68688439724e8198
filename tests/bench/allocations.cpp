// SPDX-License-Identifier: Apache-2.0
// Counts what a transfer over UDX allocates: nothing for a packet, once everything has grown to its size.
// Unlike other benches this one has a verdict, since it counts and takes no time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "sim/random.hpp"
#include "udx/mux.hpp"

namespace {
std::uint64_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace hsfwd {

namespace {

constexpr Duration kDelay = 10_ms;           // one way
constexpr double kRate = 25e6;               // bytes a second, one way
constexpr std::size_t kInTransit = 4096;     // packets; more are dropped
constexpr std::size_t kBatch = 64;           // what recvmmsg brings at once
constexpr std::uint64_t kWarmUp = 100'000;   // packets
constexpr std::uint64_t kCounted = 200'000;  // packets
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

/// Sends for ever, and reads at once.
struct Side final : udx::StreamObserver {
  bool accept_path(net::UdpSocket&, net::Address) override { return true; }
  void on_data(std::span<const ByteView> chunks) override {
    std::size_t size = 0;
    for (const ByteView chunk : chunks) size += chunk.size();
    stream->consume(size);
  }
  void on_end() override {}
  void on_writable() override {
    while (stream->send_room() > 0) {
      const MutableBytes room = stream->reserve(1);
      stream->commit(std::min<std::size_t>(room.size(), 16 * 1024));
    }
    stream->want_room();
  }
  void on_closed(udx::CloseReason) override {
    fmt::print(stderr, "a stream has ended\n");
    std::exit(1);
  }
  std::unique_ptr<udx::Stream> stream;
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

class Transfer {
 public:
  Transfer(std::size_t streams, int loss, bool both_ways)
      : there_(loss), back_(both_ways ? loss : 0) {
    for (std::size_t i = 0; i < streams; ++i) {
      for (End* end : {&a_, &b_}) {
        end->sides.push_back(std::make_unique<Side>());
        Side& side = *end->sides.back();
        side.stream = end->mux.create_stream(*end->path, side, {.acks = udx::AckPolicy::kBatched});
      }
      udx::Stream& from = *a_.sides.back()->stream;
      udx::Stream& to = *b_.sides.back()->stream;
      from.connect(a_.socket, to.id(), b_.socket.local_address());
      to.connect(b_.socket, from.id(), a_.socket.local_address());
      a_.sides.back()->on_writable();
      if (both_ways) b_.sides.back()->on_writable();
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
  Direction there_;
  Direction back_;
  End a_{scheduler_, random_, there_, {net::Ipv4::of(10, 0, 0, 1), 1}};
  End b_{scheduler_, random_, back_, {net::Ipv4::of(10, 0, 0, 2), 2}};
};

/// True when nothing was allocated for a packet.
bool measure(const char* what, std::size_t streams, int loss, bool both_ways) {
  Transfer transfer(streams, loss, both_ways);
  transfer.run(kWarmUp);
  const std::uint64_t before = allocations;
  transfer.run(kCounted);
  const std::uint64_t made = allocations - before;
  fmt::print("{:<40} {:>8} packets {:>8} allocations {:>10.6f} a packet\n", what, kCounted, made,
             static_cast<double>(made) / static_cast<double>(kCounted));
  return made <= kLateGrowth;
}

}  // namespace

}  // namespace hsfwd

int main() {
  using hsfwd::measure;
  bool none = measure("one stream, one way", 1, 0, false);
  none &= measure("one stream, both ways", 1, 0, true);
  none &= measure("one stream, one packet in 100 is lost", 1, 100, false);
  none &= measure("eight streams on one path", 8, 0, false);
  none &= measure("eight streams, one packet in 100 is lost", 8, 100, true);
  return none ? 0 : 1;
}
