// SPDX-License-Identifier: Apache-2.0
// Datagrams on a stream, as holesail has them: a length of four bytes, big endian, and the datagram's bytes, which
// may be none. Frames need not be cut as messages are.
#pragma once

#include <cstdint>
#include <functional>

#include "node/peer_stream.hpp"
#include "util/bytes.hpp"

namespace hsfwd::forward {

inline constexpr std::size_t kFrameHeader = 4;
/// Of datagrams that wait on a stream, bytes: a late one is worth no more than a lost one.
inline constexpr std::size_t kMaxUnsentFrames = 64 * 1024;
/// Why a connection ends.
inline constexpr const char* kNoDatagrams = "what the peer sends is not datagrams";

/// Finds them in what a peer sends.
class FrameReader {
 public:
  /// Calls `take` for each datagram that these bytes complete; its bytes end with the call. False once a frame is
  /// longer than any datagram: the peer speaks something else, and nothing more is to be read.
  bool feed(ByteView bytes, const std::function<void(ByteView)>& take);
  /// Bytes that are held of a frame that is not complete.
  std::size_t held() const { return part_.size(); }

 private:
  Bytes part_;  // of the frame that is coming in, with its header
};

/// Writes them to a peer, each whole or not at all.
class FrameWriter {
 public:
  /// False: what was written before still waits, and this one is lost.
  bool send(PeerStream& peer, ByteView datagram);
  /// There is room again.
  void on_writable(PeerStream& peer);

 private:
  Bytes rest_;  // of a frame that was not taken as a whole
};

}  // namespace hsfwd::forward
