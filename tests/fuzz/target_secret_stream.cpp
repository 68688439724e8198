// SPDX-License-Identifier: Apache-2.0
// Frames off a raw stream: garbage, and true ones cut and changed. What comes out is a beginning of
// what was sent, and all of it if nothing was changed; a sealed end comes behind all of it or not
// at all.
#include "fuzz/input.hpp"
#include "fuzz/session.hpp"
#include "secret_stream/framing.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

constexpr std::size_t kPoolBuffer = 512;  // small, so that frames above it are common

struct Received {
  Bytes bytes;
  bool ended = false;
};

/// Feeds `stream` in pieces and returns what comes out; nothing if the receiver refused.
std::optional<Received> receive(BufferPool& pool, const noise::Session& session, ByteView stream,
                                EndMark end, fuzz::Input cuts) {
  Receiver receiver(session, pool, end);
  Bytes out;
  std::size_t credit = 0;
  const std::size_t total = stream.size();
  while (!stream.empty()) {
    const std::size_t size = std::min<std::size_t>(stream.size(), 1 + cuts.u8() % 97u);
    const bool ok = receiver.feed(stream.first(size)).ok();
    stream = stream.subspan(size);
    // Sometimes the reader lags.
    while (!receiver.empty() && (stream.empty() || !ok || cuts.u8() % 3 != 0)) {
      const ByteView next = receiver.peek();
      const std::size_t part = std::min<std::size_t>(next.size(), 1 + cuts.u8());
      append(out, next.first(part));
      receiver.consume(part);
    }
    credit += receiver.take_credit();
    HSFWD_CHECK(credit <= total);
    if (!ok) return std::nullopt;
  }
  return Received{std::move(out), receiver.ended()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  static const fuzz::Sessions kSessions;
  BufferPool pool(kPoolBuffer, 4);
  receive(pool, kSessions.responder, {data, size}, EndMark::kSealed, fuzz::Input(data, size));

  fuzz::Input input(data, size);
  crypto::StreamHeader header;
  Sender sender(kSessions.initiator, header);
  Bytes stream = sender.header_frame();
  Bytes sent;
  const std::uint8_t change = input.u8();
  const std::uint16_t place = input.u16();
  const std::uint8_t shape = input.u8();
  const EndMark end = shape < 128 ? EndMark::kNone : EndMark::kSealed;
  for (int messages = shape % 8; messages > 0; --messages) {
    const ByteView plaintext = input.take(input.u8() * 5u);
    append(sent, plaintext);
    Bytes frame(plaintext.size() + kFrameOverhead);
    copy_bytes(plaintext, MutableBytes(frame).subspan(kPlaintextOffset));
    sender.seal(frame);
    append(stream, frame);
  }
  if (end == EndMark::kSealed) append(stream, sender.end_frame());
  Bytes changed = stream;
  if (change != 0) changed[place % changed.size()] ^= change;
  // Behind the header a changed nonce is only noticed with the first message.
  const auto got = receive(pool, kSessions.responder, changed, end, input);
  if (change == 0) {
    HSFWD_CHECK(got && got->bytes == sent && got->ended == (end == EndMark::kSealed));
  } else if (got) {
    const Bytes& bytes = got->bytes;
    HSFWD_CHECK(bytes.size() <= sent.size() && equal(bytes, ByteView(sent).first(bytes.size())));
    HSFWD_CHECK(!got->ended);
  }
  HSFWD_CHECK(pool.in_use() == 0);
  return 0;
}
