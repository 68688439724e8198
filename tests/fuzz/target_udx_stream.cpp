// SPDX-License-Identifier: Apache-2.0
// Streams and the legs of a relay, fed with packets and time in any order, while their owner reads,
// writes, ends, moves and gives up. Memory stays within the window, and nobody hears of more than
// came in.
//
//   input   { what | argument u16 [ | datagram ] }...   `what` 0 is a datagram, as in the
//   transcripts
#include <array>

#include "fuzz/input.hpp"
#include "udx/mux.hpp"
#include "vectors/stage.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

// The ids of the recorded streams, and of the legs of a relay between them.
constexpr std::array<std::uint32_t, 2> kLocalIds = {0x01020304, 0xa1b2c3d4};
constexpr std::array<std::uint32_t, 2> kRemoteIds = {0xa1b2c3d4, 0x01020304};
constexpr std::array<std::uint32_t, 2> kLegIds = {0x10111213, 0x20212223};
constexpr std::size_t kWindow = 64 * 1024;
constexpr std::size_t kSlack = 256 * 1024 + net::kMaxDatagram;
constexpr net::Address kPeer{net::Ipv4::of(82, 2, 2, 2), 22035};
constexpr net::Address kElsewhere{net::Ipv4::of(83, 3, 3, 3), 33333};

struct Sockets : net::UdpObserver {
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}
};

class Owner final : public StreamObserver {
 public:
  Owner(Mux& mux, std::size_t i)
      : stream(mux.create_stream(StreamId{kLocalIds[i]}, *this, {.receive_window = kWindow})) {}

  bool accept_path(net::UdpSocket&, net::Address) override { return accept; }
  void on_data(std::span<const ByteView> chunks) override {
    HSFWD_CHECK(!ended && !closed);
    for (const ByteView chunk : chunks) unread += chunk.size();
    if (eager) consume(unread);
  }
  void on_end() override { HSFWD_CHECK(!std::exchange(ended, true) && !closed); }
  void on_writable() override {}
  void on_closed(CloseReason) override { HSFWD_CHECK(!std::exchange(closed, true)); }

  void consume(std::size_t size) {
    const std::size_t part = std::min(size, unread);
    unread -= part;
    stream->consume(part);
  }

  std::unique_ptr<Stream> stream;
  bool accept = true;
  bool eager = true;
  bool ended = false;
  bool closed = false;
  std::size_t unread = 0;
};

/// Of a leg of a relay, which leads to the peer of a stream.
class LegOwner final : public RelayLegObserver {
 public:
  LegOwner(Mux& mux, std::size_t i) : leg(mux.create_leg(StreamId{kLegIds[i]}, *this)) {}

  bool accept_path(net::UdpSocket&, net::Address) override { return accept; }
  bool allow_forward(std::size_t) override { return true; }
  void on_closed() override { HSFWD_CHECK(!std::exchange(closed, true)); }

  std::unique_ptr<RelayLeg> leg;
  bool accept = true;
  bool closed = false;
};

class Run {
 public:
  Run() : mux_(stage_.scheduler(), stage_.random()) {
    for (auto& socket : sockets_) socket = std::move(*stage_.env().udp.bind({}, observer_));
    for (std::size_t i = 0; i < owners_.size(); ++i) owners_[i] = std::make_unique<Owner>(mux_, i);
    owners_[0]->stream->connect(*sockets_[0], StreamId{kRemoteIds[0]}, kPeer);
    for (std::size_t i = 0; i < legs_.size(); ++i) legs_[i] = std::make_unique<LegOwner>(mux_, i);
    RelayLeg::join(*legs_[0]->leg, *legs_[1]->leg);
  }
  ~Run() {
    for (auto& owner : owners_) owner.reset();
    for (auto& leg : legs_) leg.reset();
    mux_.end_batch();
    for (auto& socket : sockets_) mux_.forget_socket(*socket);
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    net::UdpSocket& socket = *sockets_[what >> 6 & 1];
    const std::size_t i = what >> 4 & 1;
    if ((what >> 5 & 1) != 0 && (what & 15) > 1) {
      step_leg(*legs_[i], socket, what);
    } else {
      step_stream(input, *owners_[i], socket, what);
    }
    stage_.settle();
    check(*owners_[i]);
  }

 private:
  void step_leg(LegOwner& owner, net::UdpSocket& socket, std::uint8_t what) {
    switch (what & 15) {
      case 4:
        owner.leg->connect(socket, StreamId{kRemoteIds[what >> 4 & 1]}, kPeer);
        break;
      case 9:
        owner.accept = !owner.accept;
        break;
      default:
        break;
    }
  }

  void step_stream(fuzz::Input& input, Owner& owner, net::UdpSocket& socket, std::uint8_t what) {
    const StreamId remote{kRemoteIds[what >> 4 & 1]};
    switch (what & 15) {
      case 0:
        datagram(socket, what >> 7 ? kElsewhere : kPeer, input.chunk());
        break;
      case 1:
        stage_.advance(Duration::millis(input.u16()));
        break;
      case 2:
        owner.stream->write(Bytes(input.u16(), 0x55));
        break;
      case 3:
        owner.stream->end();
        break;
      case 4:
        owner.stream->connect(socket, remote, kPeer);
        break;
      case 5:
        owner.stream->change_remote(socket, remote, kElsewhere);
        break;
      case 6:
        owner.stream->send_message(input.chunk());
        break;
      case 7:
        owner.eager = !owner.eager;
        break;
      case 8:
        owner.consume(input.u16());
        break;
      case 9:
        owner.accept = !owner.accept;
        break;
      case 10:
        owner.stream->destroy();
        break;
      case 11:
        acknowledge(socket);
        break;
      case 12:
        stage_.advance(10_s);
        break;
      default:
        break;
    }
  }

  void datagram(net::UdpSocket& socket, const net::Address& from, ByteView bytes) {
    Bytes copy = to_bytes(bytes);
    mux_.on_datagram(socket, {from, copy});
    mux_.end_batch();
  }

  /// What a peer would say to all that was sent so far.
  void acknowledge(net::UdpSocket& socket) {
    for (const auto& sent : stage_.take_sent()) {
      const auto packet = Packet::parse(sent.bytes);
      if (!packet) continue;
      Header answer{.flags = kState,
                    .stream = StreamId{kLocalIds[0]},
                    .window = 1 << 20,
                    .seq = packet->header.ack,
                    .ack = packet->header.seq.next()};
      std::uint8_t bytes[kHeaderSize];
      answer.write(bytes);
      datagram(socket, kPeer, bytes);
    }
  }

  void check(const Owner& owner) {
    if (stage_.sent().size() > 4096) stage_.take_sent();
    HSFWD_CHECK(owner.unread <= kWindow + kSlack);
    HSFWD_CHECK(mux_.packets_kept() * net::kMaxDatagram <= owners_.size() * (kWindow * 2 + kSlack));
  }

  vectors::Stage stage_;
  Sockets observer_;
  Mux mux_;
  std::array<std::unique_ptr<net::UdpSocket>, 2> sockets_;
  std::array<std::unique_ptr<Owner>, 2> owners_;
  std::array<std::unique_ptr<LegOwner>, 2> legs_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Run run;
  while (!input.empty()) run.step(input);
  return 0;
}
