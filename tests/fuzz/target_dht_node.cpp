// SPDX-License-Identifier: Apache-2.0
// A whole node, persistent and listening on a key, that strangers send what they like: garbage,
// answers to its own requests, requests with tokens that verify, handshakes that open, packets of
// streams it knows.
//
//   input   { what | argument [ | datagram ] }...   `what` 0 is a datagram, as in the transcripts
#include <optional>

#include "fuzz/input.hpp"
#include "hyperdht/dht.hpp"
#include "vectors/stage.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr Address kOwn{net::Ipv4::of(203, 0, 114, 7), 49737};
constexpr Address kStranger{net::Ipv4::of(82, 2, 2, 2), 22035};

crypto::KeyPair keys_of(std::uint8_t n) {
  crypto::Seed seed;
  seed.mutable_view()[0] = n;
  return crypto::KeyPair::from_seed(seed);
}

/// Takes what comes and says something back.
struct Visit final : net::ByteStreamObserver {
  explicit Visit(std::unique_ptr<PeerSocket> s) : socket(std::move(s)) {
    socket->set_observer(this);
  }
  void on_readable() override {
    while (!socket->peek().empty()) socket->consume(socket->peek().size());
    if (socket->read_state() == net::ReadState::kEnd) socket->end();
  }
  void on_writable() override { socket->write(as_bytes("hello")); }
  void on_reset(const std::string&) override {}
  std::unique_ptr<PeerSocket> socket;
};

class Run {
 public:
  Run() : dht_(stage_.env(), options()) {
    HSFWD_CHECK(dht_.start().ok());
    dht_.node().force_persistent(kOwn);
    server_ = dht_.create_server(
        {}, [this](auto socket) { visits_.push_back(std::make_unique<Visit>(std::move(socket))); });
    static const crypto::KeyPair kKeys = keys_of(1);
    keys_ = kKeys;
    HSFWD_CHECK(server_->listen(keys_, [](std::size_t) {}).ok());
    ConnectOptions connect;
    visits_.push_back(std::make_unique<Visit>(dht_.connect(keys_of(2).public_key, connect)));
    stage_.settle();
  }
  ~Run() {
    visits_.clear();
    server_.reset();
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    Address from = kStranger;
    from.host.value += (what >> 4) * 0x01010101u;
    switch (what & 7) {
      case 0:
        datagram(what >> 7, from, input.chunk());
        break;
      case 1:
        stage_.advance(Duration::millis(input.u16()));
        break;
      case 2:
        answer(input.u8(), input.chunk());
        break;
      case 3:
        request(from, input.chunk());
        break;
      case 4:
        handshake(from, input);
        break;
      case 5:
        stream_packet(from, input);
        break;
      case 6:
        datagram(false, {from.host, 0}, input.chunk());
        break;
      default:
        if (!visits_.empty()) visits_.pop_back();
        break;
    }
    stage_.settle();
    if (stage_.sent().size() > 512) stage_.take_sent();
  }

 private:
  static DhtOptions options() {
    DhtOptions out;
    out.node.bootstrap = {{"88.99.3.86", std::nullopt, 49737}};
    out.node.ephemeral = false;
    out.node.firewalled = false;
    out.node.own_address = kOwn;
    return out;
  }

  void datagram(bool client, const Address& from, ByteView bytes) {
    Bytes copy = to_bytes(bytes);
    net::InboundDatagram in{from, copy};
    net::UdpSocket& socket = client ? dht_.endpoint().client() : dht_.endpoint().server();
    dht_.endpoint().on_datagrams(socket, {&in, 1});
  }

  /// To one of the node's requests, whatever the body says.
  void answer(std::uint8_t back, ByteView body) {
    const auto& sent = stage_.sent();
    if (sent.empty()) return;
    const auto& asked = sent[sent.size() - 1 - back % sent.size()];
    const auto request = rpc::decode_request(asked.bytes);
    auto response = rpc::decode_response(body);
    if (!request || !response) return;
    response->tid = request->tid;
    if (response->id) response->id = rpc::node_id_of(asked.to);
    const bool client = asked.port == dht_.endpoint().client().local_address().port;
    datagram(client, asked.to, response->encode());
  }

  /// With the token and the id that its sender would have.
  void request(const Address& from, ByteView body) {
    auto message = rpc::decode_request(body);
    if (!message) return;
    if (message->token) message->token = dht_.node().tokens().issue(from.host);
    if (message->id) message->id = rpc::node_id_of(from);
    datagram(false, from, message->encode());
  }

  void handshake(const Address& from, fuzz::Input& input) {
    const std::uint8_t mode = input.u8();
    const ByteView payload = input.chunk();
    noise::Initiator initiator(keys_of(3), keys_.public_key,
                               name_space_of(Command::kPeerHandshake).view());
    auto noise = initiator.write_message1(crypto::KeyPair::generate(stage_.random()), payload);
    HSFWD_CHECK(noise.ok());
    HandshakeMessage message{.mode = static_cast<Mode>(mode % 6), .noise = std::move(*noise)};
    if ((mode & 0x40) != 0) message.peer_address = from;
    if ((mode & 0x80) != 0) message.relay_address = from;
    const Bytes value = message.encode();
    const rpc::RequestMessage request{.tid = mode,
                                      .to = kOwn,
                                      .command = Command::kPeerHandshake,
                                      .target = target_of_peer(keys_.public_key),
                                      .value = value};
    stage_.take_sent();
    datagram(false, from, request.encode());
    read_answer(initiator);
  }

  void read_answer(const noise::Initiator& initiator) {
    for (const auto& sent : stage_.sent()) {
      std::optional<Bytes> value;
      if (const auto response = rpc::decode_response(sent.bytes); response && response->value) {
        value = to_bytes(*response->value);
      }
      if (const auto request = rpc::decode_request(sent.bytes); request && request->value) {
        value = to_bytes(*request->value);
      }
      const auto message = value ? HandshakeMessage::decode(*value) : Err(Errc::kMalformed);
      if (!message) continue;
      const auto opened = initiator.read_message2(message->noise);
      const auto payload = opened ? NoisePayload::decode(opened->payload) : Err(Errc::kMalformed);
      if (payload && payload->udx) stream_ = static_cast<std::uint32_t>(payload->udx->id);
    }
  }

  /// Flags, numbers and body as the input has them, under the id of the stream opened last.
  void stream_packet(const Address& from, fuzz::Input& input) {
    const udx::Header header{.flags = input.u8(),
                             .data_offset = input.u8(),
                             .stream = {stream_},
                             .window = input.u16() * 64u,
                             .seq = {input.u8()},
                             .ack = {input.u8()}};
    Bytes packet(udx::kHeaderSize);
    header.write(packet.data());
    append(packet, input.chunk());
    datagram(false, from, packet);
  }

  vectors::Stage stage_;
  Dht dht_;
  crypto::KeyPair keys_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Visit>> visits_;
  std::uint32_t stream_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  fuzz::Input input(data, size);
  Run run;
  while (!input.empty()) run.step(input);
  return 0;
}
