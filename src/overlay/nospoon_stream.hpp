// SPDX-License-Identifier: Apache-2.0
// A connection to a nospoon peer as one that takes packets: they travel in frames on the ordered stream, which is all
// that such a peer knows (docs/protocol/applications.md section 10).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "node/peer_stream.hpp"
#include "overlay/nospoon_frames.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::overlay {

/// The stream's bytes are its own: whoever has it sees an empty stream with packets beside it. Whatever comes in, a
/// keepalive too, is told by on_packets, whose packets may then be none. Larger packets than max_packet() go
/// whole as well.
class NospoonStream final : public PeerStream, net::ByteStreamObserver {
 public:
  /// What upstream's interfaces take: their MTU, which is 1400 unless somebody has chosen another.
  static constexpr std::size_t kMaxPacket = 1400;
  static constexpr Duration kKeepalive = 25_s;
  /// Unsent bytes of the stream, so that packets wait where CoDel sees them: 5 ms of 50 Mbit/s, and less than
  /// half a second of 1 Mbit/s.
  static constexpr std::size_t kMaxUnsent = 32 * 1024;

  /// `max_inbound`: bytes of the largest packet that is wanted; `on_too_large` hears of others, by number.
  NospoonStream(Scheduler& scheduler, std::unique_ptr<PeerStream> stream, std::size_t max_inbound,
                std::function<void(std::uint64_t)> on_too_large);

  // PeerStream
  PeerInfo info() const override { return stream_->info(); }
  const PublicKey& remote_key() const override { return stream_->remote_key(); }
  void set_on_open(std::function<void()> on_open) override {
    stream_->set_on_open(std::move(on_open));
  }
  void set_on_path_changed(std::function<void()> on_path_changed) override {
    stream_->set_on_path_changed(std::move(on_path_changed));
  }
  void ping(std::function<void(Duration)> done) override { stream_->ping(std::move(done)); }
  void send_message(ByteView message) override { stream_->send_message(message); }
  std::size_t max_message() const override { return stream_->max_message(); }
  void set_on_message(std::function<void(ByteView)> on_message) override {
    stream_->set_on_message(std::move(on_message));
  }
  bool takes_packets() const override { return stream_->info().open; }
  std::size_t max_packet() const override { return kMaxPacket; }
  std::size_t send_packets(std::span<const MutableBytes> packets) override;
  void set_packet_observer(PacketObserver* observer) override { packet_observer_ = observer; }
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)>) override {}
  void cancel() override;

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override;
  net::ReadResult read(MutableBytes) override { return {read_state(), 0}; }
  std::size_t write(ByteView) override { return 0; }
  std::string write_error() const override { return stream_->write_error(); }
  void end() override { stream_->end(); }
  void reset() override;
  bool flushed() const override { return stream_->flushed(); }
  MutableBytes reserve() override { return {}; }
  void commit(std::size_t) override {}
  ByteView peek() override { return {}; }
  void consume(std::size_t) override {}
  net::ReadState read_state() const override;
  void reset_because(const std::string& reason) override;
  void reset_behind(const std::string& reason) override { stream_->reset_behind(reason); }

 private:
  // net::ByteStreamObserver, of the stream below
  void on_readable() override;
  void on_writable() override;
  void on_reset(const std::string& reason) override;

  std::size_t send_record(std::span<const MutableBytes> packets);
  bool send_rest();
  void send_keepalive();
  bool deliver(ByteView bytes);

  const std::unique_ptr<PeerStream> stream_;
  const std::function<void(std::uint64_t)> on_too_large_;
  net::ByteStreamObserver* observer_ = nullptr;
  PacketObserver* packet_observer_ = nullptr;
  nospoon::FrameReader reader_;
  std::uint64_t told_ = 0;  // of those that were too large
  Bytes rest_;              // of a frame whose beginning is sent
  bool blocked_ = false;    // packets were not taken
  Timer keepalive_timer_;
};

}  // namespace hsfwd::overlay
