// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/byte_stream.hpp"

namespace hsfwd::platform {

/// Reads whatever comes, if it is not told to wait, writes what it is given, and notes how it ends.
struct StreamReader final : net::ByteStreamObserver {
  explicit StreamReader(std::unique_ptr<net::ByteStream> s) : stream(std::move(s)) {
    stream->set_observer(this);
  }
  void on_readable() override {
    ++calls;
    if (before_reading) before_reading();
    std::array<std::uint8_t, 4096> chunk;
    while (stream && reading && !ended) {
      const auto result = stream->read(chunk);
      append(received, ByteView(chunk).first(result.size));
      if (result.state == net::ReadState::kBlocked) return;
      ended = result.state == net::ReadState::kEnd;
    }
  }
  void on_writable() override {
    ++calls;
    ++writable;
    push();
  }
  void on_reset(const std::string& why) override {
    ++calls;
    CHECK(!reset);
    reset = why;
  }
  /// Sends as much of `unsent` as is taken now.
  void push() { unsent = unsent.subspan(stream->write(unsent)); }

  std::unique_ptr<net::ByteStream> stream;
  bool reading = true;
  std::function<void()> before_reading;
  Bytes received;
  ByteView unsent;
  bool ended = false;
  std::optional<std::string> reset;
  int writable = 0;
  int calls = 0;
};

}  // namespace hsfwd::platform
