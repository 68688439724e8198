// SPDX-License-Identifier: Apache-2.0
// The two sides of a pipe, with room and bytes as the test says.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "net/byte_stream.hpp"
#include "node/peer_stream.hpp"

namespace hsfwd::forward {

/// All of its bytes are that one.
inline crypto::PublicKey key_of(std::uint8_t byte) {
  crypto::PublicKey out;
  out.bytes.fill(byte);
  return out;
}

/// What both sides have: bytes to be read, room for what is written, and a record of what happened.
struct Script {
  Bytes incoming;
  bool incoming_ended = false;
  Bytes written;
  std::size_t room = 1 << 20;
  bool ended = false;
  bool was_reset = false;
  bool flushed = true;
  std::string write_error;
  std::optional<std::string> reset_behind;
  std::size_t read = 0;
  std::uint8_t key = 0;                      // the first byte of the peer's
  ConnectError error = ConnectError::kNone;  // of the peer, once it is reset
  net::ByteStreamObserver* observer = nullptr;
  std::function<void(Duration)> pinged = {};  // of a peer: what waits for its answer
  std::function<std::unique_ptr<PeerStream>()> open_back = {};  // of a peer in a session

  void arrive(ByteView bytes) {
    append(incoming, bytes);
    if (observer != nullptr) observer->on_readable();
  }
  void arrive_end() {
    incoming_ended = true;
    if (observer != nullptr) observer->on_readable();
  }
  void make_room(std::size_t size) {
    room += size;
    if (observer != nullptr) observer->on_writable();
  }
  std::size_t write(ByteView bytes) {
    const std::size_t size = std::min(bytes.size(), room);
    append(written, bytes.first(size));
    room -= size;
    return size;
  }
  net::ReadState state() const {
    if (!incoming.empty()) return net::ReadState::kData;
    return incoming_ended ? net::ReadState::kEnd : net::ReadState::kBlocked;
  }
  void take(std::size_t size) {
    incoming.erase(incoming.begin(), incoming.begin() + static_cast<std::ptrdiff_t>(size));
    read += size;
  }
};

class LocalStream final : public net::ByteStream {
 public:
  explicit LocalStream(Script& script) : script_(script) {}
  void set_observer(net::ByteStreamObserver* observer) override { script_.observer = observer; }
  net::ReadResult read(MutableBytes into) override {
    const net::ReadState state = script_.state();
    const std::size_t size = std::min(into.size(), script_.incoming.size());
    copy_bytes(ByteView(script_.incoming).first(size), into);
    script_.take(size);
    return {state, size};
  }
  std::size_t write(ByteView bytes) override { return script_.write(bytes); }
  std::string write_error() const override { return script_.write_error; }
  void end() override { script_.ended = true; }
  void reset() override { script_.was_reset = true; }
  bool flushed() const override { return script_.flushed; }

 private:
  Script& script_;
};

class ScriptedPeer : public PeerStream {
 public:
  explicit ScriptedPeer(Script& script) : script_(script) { key_.bytes[0] = script.key; }
  void set_observer(net::ByteStreamObserver* observer) override { script_.observer = observer; }
  net::ReadResult read(MutableBytes) override { return {}; }
  std::size_t write(ByteView bytes) override { return script_.write(bytes); }
  void end() override { script_.ended = true; }
  void reset() override { script_.was_reset = true; }
  bool flushed() const override { return script_.flushed; }
  MutableBytes reserve() override {
    buffer_.resize(std::min<std::size_t>(script_.room, 1000));
    return buffer_;
  }
  void commit(std::size_t size) override {
    append(script_.written, ByteView(buffer_).first(size));
    script_.room -= size;
  }
  ByteView peek() override {
    return ByteView(script_.incoming).first(std::min<std::size_t>(script_.incoming.size(), 1000));
  }
  void consume(std::size_t size) override { script_.take(size); }
  net::ReadState read_state() const override { return script_.state(); }
  void reset_behind(const std::string& reason) override { script_.reset_behind = reason; }

  // Nobody in this layer asks for more than bytes.
  PeerInfo info() const override {
    PeerInfo out;
    out.open = true;
    out.error = script_.error;
    return out;
  }
  const PublicKey& remote_key() const override { return key_; }
  bool in_session() const override { return script_.open_back != nullptr; }
  std::unique_ptr<PeerStream> open_back() override {
    return script_.open_back ? script_.open_back() : nullptr;
  }
  void set_on_open(std::function<void()>) override {}
  void set_on_path_changed(std::function<void()>) override {}
  void ping(std::function<void(Duration)> done) override { script_.pinged = std::move(done); }
  void send_message(ByteView) override {}
  std::size_t max_message() const override { return 0; }
  void set_on_message(std::function<void(ByteView)>) override {}
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)>) override {}
  void cancel() override { reset(); }

 private:
  Script& script_;
  Bytes buffer_;
  PublicKey key_;
};

}  // namespace hsfwd::forward
