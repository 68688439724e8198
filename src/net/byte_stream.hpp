// SPDX-License-Identifier: Apache-2.0
// The byte-stream seam: TCP and unix sockets, standard input and output, and peer connections.
//
// Reading and writing are calls that never wait. Back-pressure follows from not calling them: a
// stream that is not read stops its sender, end to end.
#pragma once

#include <cstdint>
#include <string>

#include "util/bytes.hpp"

namespace hsfwd::net {

enum class ReadState {
  kData,     // bytes were delivered
  kBlocked,  // none now; on_readable follows
  kEnd,      // the other side ended its direction; this side may go on sending
};

struct ReadResult {
  ReadState state = ReadState::kBlocked;
  std::size_t size = 0;
};

class ByteStreamObserver {
 public:
  virtual ~ByteStreamObserver() = default;
  /// After a read was kBlocked: there is something to read. May come without reason.
  virtual void on_readable() = 0;
  /// After a write took less than it was given: there is room. May come without reason.
  virtual void on_writable() = 0;
  /// The stream is gone, abruptly; nothing can be sent any more, and all that came in before has
  /// been read. The last call. `reason` is for people. The stream may not be deleted inside this or
  /// any other call, only retired.
  virtual void on_reset(const std::string& reason) = 0;
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Set before anything else is called. No observer call happens inside a call into the stream.
  virtual void set_observer(ByteStreamObserver* observer) = 0;

  virtual ReadResult read(MutableBytes into) = 0;
  /// Returns how many bytes were taken. Once the other side takes no more, bytes are taken and
  /// thrown away: what it has said is still there to be read, and on_reset follows behind that.
  virtual std::size_t write(ByteView bytes) = 0;
  /// Why the other side takes no more; empty while it does, as far as is known.
  virtual std::string write_error() const { return {}; }
  /// Ends the own direction behind all bytes taken; reading goes on.
  virtual void end() = 0;
  /// Gives up both directions at once. The other side sees a reset behind what was written before,
  /// not an end; a unix socket, which has no such word, may end. No call to the observer follows.
  virtual void reset() = 0;
  /// Everything taken by write() and the end, if one was asked for, has been handed to the network
  /// in a way that outlives this object.
  virtual bool flushed() const = 0;
};

/// A stream that owns its buffers, so that bytes need not be copied into and out of it: encrypted
/// streams, which work in place.
class BufferedByteStream : public ByteStream {
 public:
  /// Room for bytes to be sent, empty while the stream cannot take any (on_writable follows). What
  /// is put there counts only after commit().
  virtual MutableBytes reserve() = 0;
  virtual void commit(std::size_t size) = 0;

  /// The next received bytes, without taking them: empty if blocked or ended.
  virtual ByteView peek() = 0;
  virtual void consume(std::size_t size) = 0;
  /// What read() would say of an empty peek().
  virtual ReadState read_state() const = 0;

  /// Like reset(), and tells the other side why where that can be done. `reason`: one line for people.
  virtual void reset_because(const std::string& reason) {
    static_cast<void>(reason);
    reset();
  }
  /// Takes nothing any more, and does what reset_because() does once all that was taken has arrived
  /// at the other side, or cannot any more. on_reset follows then.
  virtual void reset_behind(const std::string& reason) = 0;
};

}  // namespace hsfwd::net
