// SPDX-License-Identifier: Apache-2.0
// What is sealed inside handshakes and holepunch messages, the extension block included, and what the peers of
// a session say of its streams and places.
#include "fuzz/input.hpp"
#include "hyperdht/wire/farewell.hpp"
#include "hyperdht/wire/messages.hpp"
#include "hyperdht/wire/path_challenge.hpp"
#include "hyperdht/wire/session_message.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  fuzz::check_round_trip<NoisePayload>(bytes);
  fuzz::check_round_trip<HolepunchPayload>(bytes);

  // Whatever trails the fields that stock peers know, they are read the same.
  NoisePayload stock{
      .error = PayloadError::kAborted, .firewall = Firewall::kConsistent, .secret_stream = 1};
  Bytes trailing = stock.encode();
  append(trailing, bytes);
  const auto decoded = NoisePayload::decode(trailing);
  HSFWD_CHECK(decoded.ok());
  HSFWD_CHECK(decoded->error == stock.error && decoded->firewall == stock.firewall &&
              decoded->secret_stream == 1u);

  const auto extension = Extension::read(bytes);
  if (extension) {
    const auto again =
        Extension::read(codec::encode([&](codec::Writer& writer) { extension->write(writer); }));
    HSFWD_CHECK(again && again->features == extension->features &&
                again->service == extension->service && again->services == extension->services &&
                again->resume == extension->resume && again->udp == extension->udp);
    for (const std::string& name : extension->services) (void)extension->is_udp(name);
  }

  if (const auto message = SessionMessage::decode(bytes); message.ok()) {
    HSFWD_CHECK(message->service.size() <= SessionMessage::kMaxService);
    HSFWD_CHECK(message->services.size() <= SessionMessage::kMaxServices);
    HSFWD_CHECK(message->text.size() <= 4 * SessionMessage::kMaxText);
    if (message->kind <= SessionMessage::Kind::kAccept &&
        message->kind >= SessionMessage::Kind::kOpen) {
      const auto again = SessionMessage::decode(message->encode());
      HSFWD_CHECK(again.ok() && again->number == message->number &&
                  again->service == message->service && again->services == message->services);
    }
  }
  if (const auto challenge = PathChallenge::decode(bytes)) {
    const auto again = PathChallenge::decode(challenge->encode());
    HSFWD_CHECK(again && again->kind == challenge->kind && again->nonce == challenge->nonce);
  }

  if (const auto farewell = Farewell::decode(bytes)) {
    HSFWD_CHECK(farewell->text.size() <= 4 * Farewell::kMaxText);  // \xNN for a byte
    HSFWD_CHECK(farewell->text.find('\n') == std::string::npos);
    HSFWD_CHECK(Farewell::decode(farewell->encode()));
    const Bytes message = farewell->as_message();
    const auto inside = Farewell::in_message(message);
    HSFWD_CHECK(inside && equal(*inside, farewell->encode()));
  }
  return 0;
}
