// SPDX-License-Identifier: Apache-2.0
// A blind relay among peers that pair, take back and leave as they like, and packets to the legs it
// makes for them. Its limits hold, and nothing is left when the peers are gone.
//
//   input   { what | argument [ | frame ] }...   `what` 0 is a frame, as in the transcripts
#include <array>

#include "crypto/crypto.hpp"
#include "fuzz/input.hpp"
#include "hyperdht/relay/relay_server.hpp"
#include "udx/mux.hpp"
#include "vectors/stage.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr RelayLimits kLimits{.max_pairs = 4, .max_sides_of_key = 3, .rate = 20'000};
constexpr std::size_t kMaxWaiting = 16;  // four for each pair
constexpr net::Address kPeer{net::Ipv4::of(82, 2, 2, 2), 22035};

struct Sockets : net::UdpObserver {
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}
};

/// One peer's connection, of which only the relay's end is real.
struct Connection {
  Connection(RelayServer& server, std::uint8_t number) {
    crypto::PublicKey key;
    key.bytes.fill(number);
    session = std::make_unique<RelaySession>(server, mux, key, kPeer.host, [this] { over = true; });
    say(codec::encode([&](codec::Writer& w) {
      w.uint(0);
      w.uint(1);  // open
      w.uint(1);
      w.string(kBlindRelayProtocol);
      w.buffer(key.view());
    }));
  }
  ~Connection() {
    session.reset();
    mux.shut();
  }
  void say(ByteView frame) {
    if (!mux.feed(frame)) over = true;
  }
  void say(RelayMessage type, ByteView payload) {
    say(codec::encode([&](codec::Writer& w) {
      w.uint(1);
      w.uint(static_cast<std::uint64_t>(type));
      w.raw(payload);
    }));
  }

  secret_stream::Protomux mux{[](ByteView) {}};
  std::unique_ptr<RelaySession> session;
  bool over = false;
};

class Run {
 public:
  Run()
      : mux_(stage_.scheduler(), stage_.random()),
        server_(
            stage_.scheduler(),
            [this](udx::RelayLegObserver& observer) {
              const udx::StreamId id{next_leg_++};
              return mux_.create_leg(id, observer);
            },
            [](net::UdpSocket&) { return nullptr; }, kLimits),
        socket_(std::move(*stage_.env().udp.bind({}, observer_))) {}
  ~Run() {
    connections_ = {};
    stage_.settle();
    stage_.scheduler().collect();
    HSFWD_CHECK(server_.waiting() == 0);
    HSFWD_CHECK(server_.active() == 0);
    HSFWD_CHECK(mux_.streams() == 0);
    mux_.forget_socket(*socket_);
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    auto& connection = connections_[(what >> 3) % connections_.size()];
    if (!connection) connection = std::make_unique<Connection>(server_, (what >> 3) & 3);
    switch (what & 7) {
      case 0:
        connection->say(input.chunk());
        break;
      case 1:
        connection->say(
            RelayMessage::kPair,
            PairMessage{.initiator = (what & 0x80) != 0, .token = token(input), .id = {input.u8()}}
                .encode());
        break;
      case 2:
        connection->say(RelayMessage::kUnpair, UnpairMessage{token(input)}.encode());
        break;
      case 3:
        packet(input);
        break;
      case 4:
        stage_.advance(Duration::millis(input.u16()));
        break;
      case 5:
        connection.reset();
        break;
      case 6:
        connection->say(static_cast<RelayMessage>(input.u8()), input.chunk());
        break;
      default:
        break;
    }
    stage_.settle();
    if (connection && connection->over) connection.reset();
    check();
  }

 private:
  static RelayToken token(fuzz::Input& input) {
    RelayToken out;
    out.bytes[0] = input.u8() % 32;
    return out;
  }
  void packet(fuzz::Input& input) {
    udx::Header header{.flags = input.u8(), .stream = {input.u8()}, .window = 1 << 16};
    Bytes bytes(udx::kHeaderSize);
    header.write(bytes.data());
    append(bytes, input.chunk());
    net::Address from = kPeer;
    from.port = static_cast<std::uint16_t>(from.port + input.u8() % 4);
    mux_.on_datagram(*socket_, {from, bytes});
    mux_.end_batch();
  }
  void check() {
    HSFWD_CHECK(server_.active() <= kLimits.max_pairs && server_.waiting() <= kMaxWaiting);
    HSFWD_CHECK(mux_.streams() == 2 * server_.active());
    for (const auto& connection : connections_) {
      if (connection) HSFWD_CHECK(connection->session->pairs() <= kLimits.max_sides_of_key + 1);
    }
    if (stage_.sent().size() > 1024) stage_.take_sent();
  }

  vectors::Stage stage_;
  Sockets observer_;
  udx::Mux mux_;
  RelayServer server_;
  std::unique_ptr<net::UdpSocket> socket_;
  std::array<std::unique_ptr<Connection>, 4> connections_;
  std::uint32_t next_leg_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  fuzz::Input input(data, size);
  Run run;
  while (!input.empty()) run.step(input);
  return 0;
}
