// SPDX-License-Identifier: Apache-2.0
// Numbers with names, on the wire: one that has none is no error, and passes unchanged.
#include <catch2/catch.hpp>

#include "hyperdht/nat/holepuncher.hpp"
#include "hyperdht/wire/messages.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// No version of upstream has so many.
constexpr std::uint64_t kNameless = 0xfedcba;

template <class Message>
Message there_and_back(const Message& message) {
  const Bytes bytes = message.encode();
  const auto decoded = Message::decode(bytes);
  REQUIRE(decoded.ok());
  CHECK(decoded->encode() == bytes);
  return *decoded;
}

}  // namespace

TEST_CASE("numbers without a name are kept as they came") {
  const NoisePayload noise =
      there_and_back(NoisePayload{.error = PayloadError{kNameless}, .firewall = Firewall{254}});
  CHECK(noise.error == PayloadError{kNameless});
  CHECK(noise.firewall == Firewall{254});

  const HolepunchPayload punch = there_and_back(
      HolepunchPayload{.error = PayloadError{17}, .firewall = Firewall{kNameless}, .round = 300});
  CHECK(punch.error == PayloadError{17});
  CHECK(punch.firewall == Firewall{kNameless});
  CHECK(punch.round == 300);

  CHECK(there_and_back(HandshakeMessage{.mode = Mode{kNameless}, .noise = {1}}).mode ==
        Mode{kNameless});
  CHECK(there_and_back(HolepunchMessage{.mode = Mode{9}, .payload = {1}}).mode == Mode{9});
}

TEST_CASE("a firewall beyond those that have names counts as random") {
  const Firewall nameless{kNameless};
  CHECK(to_string(nameless) == std::string("random"));
  CHECK(!is_consistent(nameless));
  for (const Firewall own : {Firewall::kOpen, Firewall::kConsistent, Firewall::kRandom}) {
    CHECK(choose_strategy(own, nameless, true) == choose_strategy(own, Firewall::kRandom, true));
    CHECK(choose_strategy(nameless, own, true) == choose_strategy(Firewall::kRandom, own, true));
  }
}

TEST_CASE("a command is a layer's and a number, whatever has a name of it") {
  using rpc::CommandCode;
  const CommandCode ping = rpc::InternalCommand::kPing;
  const CommandCode handshake = Command::kPeerHandshake;
  CHECK(ping.number() == handshake.number());
  CHECK(ping != handshake);
  CHECK(handshake.as<Command>() == Command::kPeerHandshake);

  for (const bool internal : {false, true}) {
    const CommandCode nameless(kNameless, internal);
    const Bytes datagram = rpc::RequestMessage{.command = nameless}.encode();
    const auto decoded = rpc::decode_request(datagram);
    REQUIRE(decoded.ok());
    CHECK(decoded->command == nameless);
    CHECK(decoded->encode() == datagram);
  }
  CHECK(CommandCode(kNameless, true).to_string() == "internal command 16702650");
  CHECK(CommandCode(98).to_string() == "command 98");
  CHECK(ping.to_string() == "ping");
}
