// SPDX-License-Identifier: Apache-2.0
// Lines for standard output or error, from a program that goes on whether or not anybody reads
// them.
//
// The descriptor belongs to others as well, so that it cannot be made non-blocking; and a write
// that was asked for before may block all the same when somebody else fills the pipe. So a thread
// of its own writes, and what it cannot get rid of is bounded, dropped, and counted.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "util/time.hpp"

namespace hsfwd::platform {

class BackgroundWriter {
 public:
  /// The line, with its end, that stands in the place of so many that were dropped.
  using DroppedLine = std::function<std::string(std::uint64_t lines)>;
  static constexpr int kOutput = 1;  // descriptors
  static constexpr int kError = 2;
  static constexpr std::size_t kMaxQueued = 256 * 1024;  // bytes

  /// Nothing if the system gives no thread.
  static std::unique_ptr<BackgroundWriter> open(int fd, DroppedLine dropped_line);
  /// What is not written by then is lost, see flush().
  ~BackgroundWriter();
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  /// A whole line, or several. Never waits.
  void write(std::string_view text);
  /// Waits until all is written, as long as some of it is within each `patience`, ten times at
  /// most. False if anything is left.
  bool flush(Duration patience);
  /// A write has failed: the reader is gone, or the disk is full. What is written after that is
  /// lost without a word.
  bool failed() const;

 private:
  struct Shared;
  explicit BackgroundWriter(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Shared> shared_;  // the thread may outlive this, stuck in a write
};

}  // namespace hsfwd::platform
