// SPDX-License-Identifier: Apache-2.0
// Both handshake messages: garbage, and true ones in which something was changed on the way.
#include "fuzz/input.hpp"
#include "noise/handshake.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::noise;

namespace {

constexpr std::string_view kPrologue = "prologue";

/// Changes what the input says; true if anything is different now.
bool tamper(fuzz::Input& input, Bytes& message) {
  const Bytes before = message;
  const std::uint8_t how = input.u8();
  const std::size_t at = message.empty() ? 0 : input.u16() % message.size();
  if (how % 4 == 1) message.resize(at);
  if (how % 4 == 2) message[at] = input.u8();
  if (how % 4 == 3) append(message, input.take(how));
  return message != before;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  sim::SeededRandom random(1);
  static const auto kServer = crypto::KeyPair::generate(random);
  static const auto kClient = crypto::KeyPair::generate(random);

  // Nobody who does not know the server's key makes a message that opens.
  HSFWD_CHECK(!Responder(kServer, as_bytes(kPrologue)).read_message1({data, size}).ok());

  fuzz::Input input(data, size);
  const Bytes payload1 = to_bytes(input.take(input.u8()));
  const Bytes payload2 = to_bytes(input.take(input.u8()));
  Initiator initiator(kClient, kServer.public_key, as_bytes(kPrologue));
  auto message1 = initiator.write_message1(crypto::KeyPair::generate(random), payload1);
  HSFWD_CHECK(message1.ok());
  HSFWD_CHECK(!initiator.read_message2(input.rest()).ok());

  const bool changed1 = tamper(input, *message1);
  Responder responder(kServer, as_bytes(kPrologue));
  const auto opened1 = responder.read_message1(*message1);
  HSFWD_CHECK(opened1.ok() != changed1);
  if (!opened1) return 0;
  HSFWD_CHECK(*opened1 == payload1 && responder.remote_key() == kClient.public_key);

  auto answer = responder.write_message2(crypto::KeyPair::generate(random), payload2);
  HSFWD_CHECK(answer.ok());
  Bytes message2 = answer->message;
  const bool changed2 = tamper(input, message2);
  HSFWD_CHECK(initiator.read_message2(message2).ok() != changed2);
  // A forged answer spoils nothing.
  const auto opened2 = initiator.read_message2(answer->message);
  HSFWD_CHECK(opened2.ok() && opened2->payload == payload2);
  HSFWD_CHECK(opened2->session.hash == answer->session.hash);
  HSFWD_CHECK(equal(opened2->session.tx.view(), answer->session.rx.view()));
  return 0;
}
