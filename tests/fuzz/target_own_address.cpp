// SPDX-License-Identifier: Apache-2.0
// An open node among honest members, and who owns two /24s and a private network, with all their
// hosts and ports, and asks and answers what he likes: nobody moves the node, nor takes its address
// away.
//
//   input   { what | host | port | claim [ | ... ] }...
#include <memory>
#include <optional>
#include <vector>

#include "fuzz/input.hpp"
#include "rpc/node.hpp"
#include "vectors/stage.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;
using net::Address;
using net::Ipv4;

namespace {

constexpr Address kOwn{Ipv4::of(203, 0, 114, 7), 49737};
constexpr std::uint8_t kHonest = 12;
constexpr Ipv4 kHostile[] = {Ipv4::of(77, 7, 7, 0), Ipv4::of(88, 8, 8, 0), Ipv4::of(10, 1, 1, 0),
                             Ipv4::of(127, 0, 0, 0)};
constexpr Address kClaims[] = {{Ipv4::of(5, 5, 5, 5), 49737},     {Ipv4::of(203, 0, 114, 7), 1},
                               {Ipv4::of(10, 9, 9, 9), 49737},    {Ipv4::of(127, 0, 0, 1), 49737},
                               {Ipv4::of(203, 0, 113, 5), 49737}, kOwn};

Address honest(std::uint8_t n) {
  return {Ipv4::of(60, n, 1, 1), 49737};
}

bool is_honest(const Address& node) {
  return node.host.octet(0) == 60;
}

class Run final : public NodeHandler {
 public:
  Run() : node_(stage_.env(), {}, *this) {
    server_ = *stage_.bind({Ipv4::any(), 49737}, nobody_);
    client_ = *stage_.bind({Ipv4::any(), 0}, nobody_);
    node_.start(*server_, *client_);
    node_.force_persistent(kOwn);
    for (std::uint8_t n = 0; n < kHonest; ++n) {
      request(honest(n), kOwn);
      ping(honest(n));
      pass(1);
    }
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    Address who{kHostile[what >> 6], input.u8()};
    who.host.value += input.u8();
    who.port = static_cast<std::uint16_t>(who.port + 1024);
    const Address claim = kClaims[input.u8() % std::size(kClaims)];
    switch (what & 3) {
      case 0:
        claim_ = claim;
        answers_ = input.u8();
        pass(input.u8() % 64);
        break;
      case 1:
        request(who, claim);
        break;
      case 2:
        ping(who);
        break;
      default:
        // Forged, with luck even in the name of an honest one.
        respond(input.u8() % 2 == 0 ? honest(input.u8() % kHonest) : who, input.u16(), claim);
        break;
    }
    pass(1);
  }

 private:
  struct Nobody final : net::UdpObserver {
    void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}
  };

  bool on_request(const IncomingRequest&) override { return false; }
  void on_network_update() override { check(); }
  void check() const { HSFWD_CHECK(node_.remote_address() == kOwn); }

  /// Fifths of a second, in which those who are asked answer.
  void pass(int count) {
    for (; count > 0; --count) {
      stage_.advance(200_ms);
      for (const auto& sent : stage_.take_sent()) {
        const auto asked = decode_request(sent.bytes);
        if (!asked) continue;
        if (is_honest(sent.to)) {
          respond(sent.to, asked->tid, kOwn);
        } else if (answers_ % 4 != 0) {
          respond(sent.to, asked->tid, claim_);
        }
      }
      stage_.settle();
      check();
    }
  }

  void request(const Address& from, const Address& claim) {
    const RequestMessage message{
        .to = claim, .id = node_id_of(from), .command = InternalCommand::kPing};
    node_.on_datagram(*server_, from, message.encode());
  }
  void respond(const Address& from, std::uint16_t tid, const Address& claim) {
    const ResponseMessage message{.tid = tid, .to = claim, .id = node_id_of(from)};
    node_.on_datagram(*server_, from, message.encode());
  }
  void ping(const Address& to) {
    call_ = std::make_unique<Call>(node_.calls(), [](const CallResult&) {});
    node_.ping(*call_, to);
  }

  vectors::Stage stage_;
  Nobody nobody_;
  std::unique_ptr<net::UdpSocket> server_;
  std::unique_ptr<net::UdpSocket> client_;
  Node node_;
  std::unique_ptr<Call> call_;
  Address claim_ = kClaims[0];
  std::uint8_t answers_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  fuzz::Input input(data, size);
  Run run;
  while (!input.empty()) run.step(input);
  return 0;
}
