// SPDX-License-Identifier: Apache-2.0
// A stream to a peer of which it is not known yet what will carry it: a session's stream, or a connection of
// its own.
//
//   kWaiting ──► kJoined   everything goes to that stream
//      └───────► kFailed
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "node/peer_stream.hpp"
#include "util/scheduler.hpp"

namespace hsfwd {

class PendingStream final : public PeerStream {
 public:
  /// Who finds out. Told once, when the stream is wanted no more.
  class Finder {
   public:
    virtual ~Finder() = default;
    virtual void on_unwanted(PendingStream& stream) = 0;
  };

  PendingStream(Scheduler& scheduler, const PublicKey& key, Finder& finder);
  ~PendingStream() override;

  /// This is it. Not twice, and not after fail(). `open`: it has told so already.
  void join(std::unique_ptr<PeerStream> stream, bool open);
  /// There will be none.
  void fail(ConnectError error, const std::string& reason);

  // PeerStream
  PeerInfo info() const override;
  const PublicKey& remote_key() const override { return key_; }
  void set_on_open(std::function<void()> on_open) override;
  void set_on_path_changed(std::function<void()> on_path_changed) override;
  void ping(std::function<void(Duration)> done) override;
  bool in_session() const override { return stream_ && stream_->in_session(); }
  std::unique_ptr<PeerStream> open_back() override {
    return stream_ ? stream_->open_back() : nullptr;
  }
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)> on_back) override;
  void set_max_unsent(std::size_t bytes) override;
  void send_message(ByteView message) override;
  std::size_t max_message() const override { return stream_ ? stream_->max_message() : 0; }
  void set_on_message(std::function<void(ByteView)> on_message) override;
  bool takes_packets() const override { return stream_ && stream_->takes_packets(); }
  bool takes_datagrams() const override { return stream_ && stream_->takes_datagrams(); }
  std::size_t max_packet() const override { return stream_ ? stream_->max_packet() : 0; }
  std::size_t max_in_parts() const override { return stream_ ? stream_->max_in_parts() : 0; }
  std::size_t send_packets(std::span<const MutableBytes> packets) override;
  void set_packet_observer(PacketObserver* observer) override;
  void cancel() override;

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override;
  net::ReadResult read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  std::string write_error() const override { return stream_ ? stream_->write_error() : ""; }
  void end() override;
  void reset() override;
  bool flushed() const override { return stream_ && stream_->flushed(); }
  MutableBytes reserve() override { return stream_ ? stream_->reserve() : MutableBytes(); }
  void commit(std::size_t size) override;
  ByteView peek() override { return stream_ ? stream_->peek() : ByteView(); }
  void consume(std::size_t size) override;
  net::ReadState read_state() const override;
  void reset_because(const std::string& reason) override;
  void reset_behind(const std::string& reason) override;

 private:
  void let_go();

  const PublicKey key_;
  Finder* finder_;  // until it is decided, or not wanted any more
  std::unique_ptr<PeerStream> stream_;
  net::ByteStreamObserver* observer_ = nullptr;
  std::function<void()> on_open_;
  std::function<void()> on_path_changed_;
  std::function<void(std::unique_ptr<PeerStream>)> on_back_;
  std::function<void(ByteView)> on_message_;
  PacketObserver* packet_observer_ = nullptr;
  std::size_t max_unsent_ = 0;  // 0: as it is
  bool ended_ = false;
  ConnectError error_ = ConnectError::kNone;
  std::string reason_;
  Task failed_task_;
};

}  // namespace hsfwd
