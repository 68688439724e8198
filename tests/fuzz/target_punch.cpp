// SPDX-License-Identifier: Apache-2.0
// Hole punches, a server's and a client's, whose peer and one introducer say what they like. Two
// further introducers are honest: what they see of the peer is true. Whatever is said and however
// many sessions it takes, hosts that are not the peer's get no more than is stated, and some get
// nothing.
//
//   input   role { what | argument [ | payload ] }...   `what` 0 is a payload, as in the
//   transcripts
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "fuzz/input.hpp"
#include "hyperdht/dht.hpp"
#include "hyperdht/nat/client_punch.hpp"
#include "hyperdht/nat/server_punch.hpp"
#include "vectors/stage.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr Address kPeer{net::Ipv4::of(82, 2, 2, 2), 22035};
constexpr Address kOutside{net::Ipv4::of(81, 1, 1, 1), 30002};  // ours, as others see it
constexpr std::array kRelays = {Address{net::Ipv4::of(52, 0, 1, 1), 49737},
                                Address{net::Ipv4::of(52, 0, 2, 1), 49737},
                                Address{net::Ipv4::of(52, 0, 3, 1), 49737}};
constexpr std::size_t kLiar = 0;
constexpr std::array kHosts = {
    kPeer.host,       net::Ipv4::of(62, 1, 1, 1),       net::Ipv4::of(62, 1, 1, 2),
    kOutside.host,    net::Ipv4::of(127, 0, 0, 1),      net::Ipv4::of(192, 168, 1, 2),
    net::Ipv4::any(), net::Ipv4::of(255, 255, 255, 255)};

/// Remembers its sockets by their ports.
class Stage final : public vectors::Stage {
 public:
  Result<std::unique_ptr<net::UdpSocket>> bind(net::Address local,
                                               net::UdpObserver& observer) override {
    auto socket = vectors::Stage::bind(local, observer);
    if (socket) sockets_[(*socket)->local_address().port] = socket->get();
    return socket;
  }
  /// Maybe closed by now.
  net::UdpSocket* socket(std::uint16_t port) { return sockets_[port]; }

 private:
  std::map<std::uint16_t, net::UdpSocket*> sockets_;
};

/// What both roles have in common: a node, time, and the count of punches to and from each host.
class Scene {
 public:
  explicit Scene(bool random) : random_(random), dht_(stage_.env(), {}) {
    HSFWD_CHECK(dht_.start().ok());
    for (std::uint8_t i = 1; i <= 5; ++i) dht_.node().add_node({net::Ipv4::of(53, i, 1, 1), 1});
    key_ = SecurePayload::shared_key(crypto::blake2b_512({as_bytes("session")}));
  }
  virtual ~Scene() = default;

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    switch (what & 7) {
      case 0:
        if (auto payload = HolepunchPayload::decode(input.chunk())) say(what >> 3, *payload, input);
        break;
      case 1:
      case 2:
        say(what >> 3, payload(input), input);
        break;
      case 3:
        stage_.advance(Duration::millis(input.u16()));
        break;
      case 4:
      case 5:
        punch(address(input));
        break;
      default:
        other(what >> 3, input);
        break;
    }
    stage_.settle();
    take_sent();
    stage_.settle();
    renew();
  }

 protected:
  /// The peer, through the relay of that number.
  virtual void say(std::size_t relay, HolepunchPayload payload, fuzz::Input& input) = 0;
  virtual void other(std::size_t relay, fuzz::Input& input) = 0;
  virtual void heard(const vectors::Stage::Sent& sent) = 0;
  virtual net::UdpSocket* punch_socket() = 0;
  virtual void renew() = 0;
  /// More punches than that went to the host by now, which nobody but liars named.
  virtual double limit_of(net::Ipv4 host) const = 0;

  static Address address(fuzz::Input& input) {
    const std::uint8_t which = input.u8();
    const net::Ipv4 host = kHosts[which % kHosts.size()];
    const bool known_port = (which & 0x80) != 0;
    return {host, known_port ? kOutside.port : static_cast<std::uint16_t>(input.u8())};
  }
  static HolepunchPayload payload(fuzz::Input& input) {
    const std::uint8_t flags = input.u8();
    HolepunchPayload out{
        .error = (flags & 0xf0) == 0xf0 ? PayloadError{input.u8()} : PayloadError::kNone,
        .firewall = Firewall{flags & 3u},
        .round = input.u8(),
        .punching = (flags & 4) != 0};
    out.addresses.emplace();
    for (int i = input.u8() % 12; i > 0; --i) out.addresses->push_back(address(input));
    if ((flags & 8) != 0) out.remote_address = kOutside;
    return out;
  }
  SecurePayload secure() { return {key_, stage_.random()}; }
  double elapsed() const { return (scheduler_.now() - began_).to_seconds(); }

  const bool random_;  // our NAT
  Stage stage_;
  Scheduler& scheduler_ = stage_.scheduler();
  Dht dht_;
  crypto::Key32 key_;
  std::map<net::Ipv4, int> punches_from_;

 private:
  void punch(const Address& from) {
    net::UdpSocket* const socket = punch_socket();
    if (socket == nullptr) return;
    ++punches_from_[from.host];
    Bytes byte(1);
    net::InboundDatagram datagram{from, byte};
    dht_.endpoint().on_datagrams(*socket, {&datagram, 1});
  }
  /// Nodes of the DHT say how they see the socket.
  void answer_ping(const vectors::Stage::Sent& sent) {
    const auto request = rpc::decode_request(sent.bytes);
    net::UdpSocket* const socket = stage_.socket(sent.port);
    if (!request || !request->command.internal() || dht_.endpoint().owner_of(*socket) == nullptr) {
      return;
    }
    rpc::ResponseMessage response;
    response.tid = request->tid;
    response.to = kOutside;
    if (random_) response.to.port = static_cast<std::uint16_t>(5000 + stage_.random().below(60000));
    Bytes bytes = response.encode();
    net::InboundDatagram datagram{sent.to, bytes};
    dht_.endpoint().on_datagrams(*socket, {&datagram, 1});
  }
  void take_sent() {
    for (const auto& sent : stage_.take_sent()) {
      if (sent.bytes.size() > 1) {
        answer_ping(sent);
        heard(sent);
        continue;
      }
      HSFWD_CHECK(!net::is_reserved(sent.to.host) && !sent.to.host.is_loopback());
      const int to = ++punches_to_[sent.to.host];
      // Echoes. From a neighbour a punch comes only if a router that both have lets it through.
      const int echoes = 3 * punches_from_[sent.to.host];
      const double limit = net::is_private(sent.to.host) ? 0 : limit_of(sent.to.host);
      HSFWD_CHECK(to <= limit + echoes);
    }
  }

  const Instant began_ = scheduler_.now();
  std::map<net::Ipv4, int> punches_to_;
};

class ServerScene final : public Scene, private ServerPunch::Owner {
 public:
  explicit ServerScene(bool random) : Scene(random) { renew(); }

 private:
  void say(std::size_t relay, HolepunchPayload payload, fuzz::Input& input) override {
    relay %= kRelays.size();
    const Address seen = relay == kLiar ? address(input) : kPeer;
    if (const auto token = tokens_.find(seen.host); token != tokens_.end()) {
      payload.remote_token = token->second;
    }
    const std::uint8_t how = input.u8();
    const HolepunchMessage message{
        .mode = Mode::kFromRelay, .id = 0, .payload = secure().seal(payload), .peer_address = seen};
    const bool punching_socket = (how & 1) != 0;
    Address own = kOutside;
    if ((how & 2) != 0) own.port = static_cast<std::uint16_t>(own.port + relay + how);
    punch_->on_request(message,
                       {.socket = punching_socket ? &punch_->socket() : &dht_.endpoint().server(),
                        .from = kRelays[relay],
                        .to = own,
                        .tid = 1,
                        .command = Command::kPeerHolepunch,
                        .target = std::nullopt});
  }
  /// Copies of the handshake. A second relay hears from the first, who is anybody.
  void other(std::size_t relay, fuzz::Input& input) override {
    relay %= kRelays.size();
    const bool second = (input.u8() & 1) != 0;
    HandshakeMessage message{.mode = second ? Mode::kFromSecondRelay : Mode::kFromRelay};
    message.peer_address = second || relay == kLiar ? address(input) : kPeer;
    punch_->on_handshake(message, {.socket = &dht_.endpoint().server(),
                                   .from = kRelays[relay],
                                   .to = kOutside,
                                   .tid = 1,
                                   .command = Command::kPeerHandshake,
                                   .target = std::nullopt});
  }
  /// The liar keeps what the server sends to hosts of its choice; the others deliver it to the
  /// peer.
  void heard(const vectors::Stage::Sent& sent) override {
    const auto request = rpc::decode_request(sent.bytes);
    if (!request || !request->value) return;
    const auto message = HolepunchMessage::decode(*request->value);
    const auto payload = message ? secure().open(message->payload) : Err(Errc::kMalformed);
    if (payload && payload->token && message->peer_address) {
      tokens_[message->peer_address->host] = *payload->token;
    }
  }
  net::UdpSocket* punch_socket() override { return &punch_->socket(); }
  void renew() override {
    if (punch_ && !over_) return;
    over_ = false;
    tokens_.clear();
    dht_.env().scheduler.retire(std::move(punch_));
    ServerPunch::Owner& owner = *this;
    punch_ = std::make_unique<ServerPunch>(dht_.context(), key_, Firewall::kUnknown, false, owner);
    HSFWD_CHECK(punch_->usable());
  }
  double limit_of(net::Ipv4 host) const override {
    if (host == kPeer.host) return 1e9;
    return PunchLimits::kUnconfirmed.capacity + 1 +
           PunchLimits::kUnconfirmed.per_second * elapsed();
  }

  bool is_own_relay(const Address& relay) override {
    return std::find(kRelays.begin(), kRelays.end(), relay) != kRelays.end();
  }
  std::size_t introductions_wanted() override { return 2; }
  void on_request_opened() override {}
  void on_punching() override {}
  void on_punch_put_off() override {}
  void on_punch_over() override { over_ = true; }
  bool has_relay() override { return false; }

  std::unique_ptr<ServerPunch> punch_;
  std::map<net::Ipv4, crypto::Hash32> tokens_;
  bool over_ = false;
};

class ClientScene final : public Scene, private ClientPunch::Observer {
 public:
  explicit ClientScene(bool random) : Scene(random) { renew(); }

 private:
  /// An answer to the last request.
  void say(std::size_t, HolepunchPayload payload, fuzz::Input& input) override {
    if (!asked_) return;
    const auto request = rpc::decode_request(asked_->bytes);
    const auto asked = HolepunchMessage::decode(*request->value);
    const auto question = secure().open(asked->payload);
    HSFWD_CHECK(question.ok());
    const std::uint8_t how = input.u8();
    if ((how & 1) != 0) payload.token = crypto::Hash32();
    if ((how & 2) != 0) payload.remote_token = question->token;
    const HolepunchMessage message{.mode = Mode::kReply,
                                   .id = 0,
                                   .payload = secure().seal(payload),
                                   .peer_address = address(input)};
    const Bytes value = message.encode();
    rpc::ResponseMessage response;
    response.tid = request->tid;
    response.to = kOutside;
    if ((how & 4) != 0) response.to.port = static_cast<std::uint16_t>(response.to.port + how);
    response.value = value;
    Bytes bytes = response.encode();
    net::InboundDatagram datagram{asked_->to, bytes};
    if (punch_socket() != nullptr) dht_.endpoint().on_datagrams(*punch_socket(), {&datagram, 1});
  }
  void other(std::size_t, fuzz::Input&) override {}
  void heard(const vectors::Stage::Sent& sent) override {
    const auto request = rpc::decode_request(sent.bytes);
    if (!request || !request->value) return;
    if (HolepunchMessage::decode(*request->value)) asked_ = sent;
  }
  net::UdpSocket* punch_socket() override {
    net::UdpSocket* const socket = asked_ ? stage_.socket(asked_->port) : nullptr;
    const bool open = socket != nullptr && dht_.endpoint().owner_of(*socket) != nullptr;
    return open ? socket : nullptr;
  }
  void renew() override {
    if (punch_ && !over_) return;
    over_ = false;
    asked_.reset();
    dht_.env().scheduler.retire(std::move(punch_));
    PunchTerms terms;
    terms.key = key_;
    for (const Address& relay : kRelays) terms.session.relays.push_back({relay, kPeer});
    terms.relay = kRelays[kLiar];
    terms.server_address = {kHosts[1], 7};  // as the liar says
    terms.rtt = 100_ms;
    ClientPunch::Observer& observer = *this;
    punch_ = std::make_unique<ClientPunch>(dht_.context(), std::move(terms), log_, observer);
  }
  /// Where a client goes is its own choice, and it comes again and again here.
  double limit_of(net::Ipv4) const override {
    return PunchLimits::kConfirmed.capacity + 1 + PunchLimits::kConfirmed.per_second * elapsed();
  }

  void on_punched(net::UdpSocket&, const Address&) override { over_ = true; }
  void on_open_server(const Address&) override { over_ = true; }
  void on_punch_failed(PunchFailure) override { over_ = true; }

  AttemptLog log_{scheduler_, {}};
  std::unique_ptr<ClientPunch> punch_;
  std::optional<vectors::Stage::Sent> asked_;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  fuzz::Input input(data, size);
  std::unique_ptr<Scene> scene;
  const std::uint8_t role = input.u8();
  if ((role & 1) == 0) {
    scene = std::make_unique<ServerScene>((role & 2) != 0);
  } else {
    scene = std::make_unique<ClientScene>((role & 2) != 0);
  }
  while (!input.empty()) scene->step(input);
  return 0;
}
