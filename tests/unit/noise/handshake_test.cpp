// SPDX-License-Identifier: Apache-2.0
#include "noise/handshake.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::noise;
using crypto::KeyPair;

namespace {

struct Parties {
  sim::SeededRandom random{1};
  KeyPair server = KeyPair::generate(random);
  KeyPair client = KeyPair::generate(random);
  Bytes prologue{1, 2, 3};

  Initiator initiator() const { return {client, server.public_key, prologue}; }
  Responder responder() const { return {server, prologue}; }
  KeyPair ephemeral() { return KeyPair::generate(random); }
};

}  // namespace

TEST_CASE("both sides end with the same session and know each other") {
  Parties p;
  Initiator initiator = p.initiator();
  Responder responder = p.responder();
  const auto message1 = initiator.write_message1(p.ephemeral(), as_bytes("to the server"));
  REQUIRE(message1.ok());
  const auto payload1 = responder.read_message1(*message1);
  REQUIRE(payload1.ok());
  CHECK(as_text(*payload1) == "to the server");
  CHECK(responder.remote_key() == p.client.public_key);
  const auto answer = responder.write_message2(p.ephemeral(), as_bytes("to the client"));
  REQUIRE(answer.ok());
  const auto opened = initiator.read_message2(answer->message);
  REQUIRE(opened.ok());
  CHECK(as_text(opened->payload) == "to the client");
  CHECK(opened->session.hash == answer->session.hash);
  CHECK(equal(opened->session.tx.view(), answer->session.rx.view()));
  CHECK(equal(opened->session.rx.view(), answer->session.tx.view()));
  CHECK(opened->session.initiator);
  CHECK(!answer->session.initiator);
  const auto key = opened->session.derive("a purpose");
  CHECK(equal(key.view(), answer->session.derive("a purpose").view()));
  CHECK(!equal(key.view(), answer->session.derive("another purpose").view()));
  CHECK(!equal(key.view(), opened->session.exporter.view()));
}

TEST_CASE("a first message with one bit changed, or cut anywhere, is refused") {
  Parties p;
  const auto message = p.initiator().write_message1(p.ephemeral(), Bytes{1, 2, 3, 4});
  for (std::size_t i = 0; i < message->size(); ++i) {
    CAPTURE(i);
    Bytes changed = *message;
    changed[i] ^= 4;
    CHECK(!p.responder().read_message1(changed).ok());
    CHECK(!p.responder().read_message1(ByteView(*message).first(i)).ok());
  }
  const auto too_short = p.responder().read_message1(Bytes(95));
  CHECK(too_short.error() == Errc::kTruncated);
  Bytes huge = *message;
  huge.resize(70'000);
  CHECK(p.responder().read_message1(huge).error() == Errc::kTooLarge);
}

TEST_CASE("a handshake for another server or another purpose is refused") {
  Parties p;
  const auto message = p.initiator().write_message1(p.ephemeral(), {});
  Responder another(KeyPair::generate(p.random), p.prologue);
  CHECK(another.read_message1(*message).error() == Errc::kAuthentication);
  Responder other_purpose(p.server, Bytes{9});
  CHECK(other_purpose.read_message1(*message).error() == Errc::kAuthentication);
}

TEST_CASE("forged answers spoil nothing: the true one still opens") {
  Parties p;
  Initiator initiator = p.initiator();
  Responder responder = p.responder();
  REQUIRE(responder.read_message1(*initiator.write_message1(p.ephemeral(), {})).ok());
  const auto answer = responder.write_message2(p.ephemeral(), Bytes{5});
  for (std::size_t i = 0; i < answer->message.size(); ++i) {
    Bytes forged = answer->message;
    forged[i] ^= 1;
    CHECK(!initiator.read_message2(forged).ok());
    CHECK(!initiator.read_message2(ByteView(forged).first(i)).ok());
  }
  CHECK(initiator.read_message2(answer->message).ok());
}

TEST_CASE("a server's key that is no point cannot be spoken to") {
  Parties p;
  crypto::PublicKey no_point;
  no_point.bytes[0] = 2;
  Initiator initiator(p.client, no_point, p.prologue);
  CHECK(initiator.write_message1(p.ephemeral(), {}).error() == Errc::kMalformed);
}
