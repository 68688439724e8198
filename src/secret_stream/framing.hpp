// SPDX-License-Identifier: Apache-2.0
// What goes over a peer connection once both sides have keys from their Noise handshake:
//
//   first    38 00 00 | own stream id (32) | secretstream header (24)
//   then     length u24 little endian | secretstream ciphertext (plaintext + 17), for each message
//
// Both directions are independent; neither waits for the other. One write is one message.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "crypto/secret_stream.hpp"
#include "noise/handshake.hpp"
#include "util/buffer_pool.hpp"
#include "util/ring.hpp"

namespace hsfwd::secret_stream {

inline constexpr std::size_t kLengthSize = 3;
inline constexpr std::size_t kHeaderBody = 32 + crypto::kStreamHeaderSize;
inline constexpr std::size_t kHeaderFrame = kLengthSize + kHeaderBody;
/// Length field, encrypted tag byte and MAC.
inline constexpr std::size_t kFrameOverhead = kLengthSize + crypto::kStreamOverhead;
/// Where the plaintext stands in its frame.
inline constexpr std::size_t kPlaintextOffset = kLengthSize + 1;
inline constexpr std::size_t kMaxBody = 0xffffff;
inline constexpr std::size_t kMaxPlaintext = kMaxBody - crypto::kStreamOverhead;

using StreamId = FixedBytes<struct SecretStreamIdTag, 32>;

/// How a direction ends.
enum class EndMark {
  kNone,    // upstream's: with the raw stream, which everybody on the way can end
  kSealed,  // with an empty record that says so
};

/// The id a side announces in its header: the initiator's or the responder's.
StreamId stream_id(const crypto::Hash64& handshake_hash, bool initiator);

class Sender {
 public:
  /// `header` is random and never used twice.
  Sender(const noise::Session& session, const crypto::StreamHeader& header);

  /// The first frame; the key is in use from then on.
  Bytes header_frame() const;
  /// Encrypts in place: `frame` is a message's plaintext of any size from kPlaintextOffset on, with
  /// room for the overhead, kFrameOverhead + n bytes in all.
  void seal(MutableBytes frame) { seal(frame, crypto::StreamTag::kMessage); }
  /// The last frame of a direction whose end is sealed.
  Bytes end_frame();

 private:
  void seal(MutableBytes frame, crypto::StreamTag tag);

  StreamId id_;
  crypto::StreamHeader header_;
  crypto::SecretStreamState state_;
};

enum class ReceiveError {
  kBadHeader,   // wrong length or not the peer's id
  kBadLength,   // a body too short to be one
  kBadMessage,  // does not decrypt, or says that it is the last one and has content
  kAfterEnd,    // something behind the sealed end
  kTooLarge,    // above what this peer may send
};

/// Puts the frames of the raw stream together, opens them, and keeps the plaintexts until they are
/// taken. What it holds is bounded by what the raw stream lets in.
///
/// Large are frames that no buffer of the pool holds, and that might fill a raw stream's window
/// before they are complete: upstream allows sixteen megabytes. Their bytes are given back as they
/// come, but only when the owner says so with credit_large(): it knows how many others hold such a
/// frame.
class Receiver {
 public:
  /// Memory comes from `pool` and outlives the receiver. Large frames are allocated as they come.
  /// Bodies above `max_body` are refused.
  Receiver(const noise::Session& session, BufferPool& pool, EndMark end = EndMark::kNone,
           std::size_t max_body = kMaxBody);

  /// The next bytes of the raw stream. Errors are final.
  Result<void, ReceiveError> feed(ByteView bytes);

  /// The peer's header has come: it has the keys.
  bool established() const { return state_.has_value(); }

  /// The peer's sealed end has come. Messages before it may still be here.
  bool ended() const { return ended_; }

  bool empty() const { return records_.empty(); }
  /// What is left of the oldest message; empty if there is none.
  ByteView peek() const;
  void consume(std::size_t size);

  /// Bytes of the raw stream that are dealt with since the last call, to be given back to its
  /// window.
  std::size_t take_credit();

  /// Size of the large frame that is here in part; 0 if there is none, or if others before it wait
  /// to be taken.
  std::size_t large_pending() const;
  /// Its bytes so far count as dealt with.
  void credit_large();
  /// Large frames are held: the one that is here in part, or in whole and not taken.
  bool holds_large() const { return large_ > 0; }

  /// The memory that is held, but for large frames.
  std::size_t memory() const;
  /// That of large frames.
  std::size_t large_memory() const { return large_memory_; }

  std::uint64_t messages() const { return messages_; }

 private:
  struct Slab {
    PooledBuffer pooled;
    Bytes own;
    std::size_t used = 0;
    std::size_t live = 0;  // records that are not consumed
    std::uint8_t* data() { return pooled ? pooled.data() : own.data(); }
    const std::uint8_t* data() const { return pooled ? pooled.data() : own.data(); }
  };
  struct Record {
    std::uint64_t slab = 0;  // counted from the first slab ever
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t credit = 0;
  };

  bool read_length(ByteView& bytes);
  void start_body(std::size_t size);
  void append_body(ByteView part);
  Result<void, ReceiveError> finish_body();
  Result<void, ReceiveError> finish_header();
  Slab& current() { return slabs_.back(); }
  void drop_dead_slabs();

  const StreamId expected_id_;
  const crypto::Key32 key_;
  const EndMark end_;
  BufferPool& pool_;
  const std::size_t max_body_;
  std::optional<crypto::SecretStreamState> state_;

  std::array<std::uint8_t, kLengthSize> length_{};
  std::size_t length_filled_ = 0;
  bool in_body_ = false;
  std::size_t body_size_ = 0;
  std::size_t body_filled_ = 0;
  std::size_t body_offset_ = 0;

  Ring<Slab> slabs_;
  std::uint64_t first_slab_ = 0;
  Ring<Record> records_;
  std::size_t taken_ = 0;  // of the first record
  std::size_t credit_ = 0;
  std::size_t body_credited_ = 0;
  std::size_t large_ = 0;         // slabs
  std::size_t large_memory_ = 0;  // bytes
  std::uint64_t messages_ = 0;
  bool ended_ = false;
};

}  // namespace hsfwd::secret_stream
