// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "platform/common/handle.hpp"
#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

class ClosingSockets;

/// A byte stream over one or two file descriptors, which it owns. Bytes go straight between the
/// caller's memory and the kernel; nothing is buffered here. A socket that is destroyed before its
/// own direction has ended is reset at once; after reset(), the other side has a moment to read
/// what was written last.
class FdStream final : public net::ByteStream {
 public:
  /// Over a connected socket; its own direction ends by shutdown. `closing` has it after reset().
  FdStream(Loop& loop, std::shared_ptr<ClosingSockets> closing, UniqueFd socket);
  /// Over two; its own direction ends by closing the second.
  FdStream(Loop& loop, UniqueFd in, UniqueFd out);
  ~FdStream() override;

  void set_observer(net::ByteStreamObserver* observer) override { observer_ = observer; }
  net::ReadResult read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  std::string write_error() const override;
  void end() override;
  void reset() override;
  bool flushed() const override { return true; }

 private:
  /// One descriptor's readiness. Regular files cannot be polled and are always ready.
  struct Side {
    UniqueFd fd;
    bool pollable = true;
    int flags = 0;  // as they were found; descriptors of a pair are shared with other processes
    std::unique_ptr<Poll> poll;
    int wanted = 0;
  };

  FdStream(Loop& loop, std::shared_ptr<ClosingSockets> closing);
  bool is_socket() const { return closing_ != nullptr; }
  void open_side(Side& side, UniqueFd fd);
  void close_side(Side& side);
  void want(Side& side, int events, bool on);
  void on_ready(int events);
  net::ReadResult on_input_end();
  void on_write_failed(int error);
  void broken(int error);

  Loop& loop_;
  const std::shared_ptr<ClosingSockets> closing_;  // nothing for a pair
  Side in_;
  Side out_;  // unused for a socket, whose two directions share `in_`
  net::ByteStreamObserver* observer_ = nullptr;
  bool want_read_ = false;
  bool want_write_ = false;
  bool closed_ = false;
  bool ended_ = false;  // the own direction
  bool input_ended_ = false;
  bool wrote_ = false;
  int write_error_ = 0;  // of the first write that failed
  std::string reason_;
  Task always_ready_task_;
  Task broken_task_;
};

/// Best effort: small writes leave at once, and a peer that vanished is noticed in the end.
void tune_tcp(int fd);

}  // namespace hsfwd::platform
