// SPDX-License-Identifier: Apache-2.0
#include "node/peer_stream.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "hyperdht/peer/peer_socket.hpp"
#include "node/internals.hpp"

namespace hsfwd {

namespace {

class DhtStream final : public PeerStream, private hyperdht::LaneObserver {
 public:
  explicit DhtStream(std::unique_ptr<hyperdht::PeerSocket> socket) : socket_(std::move(socket)) {}
  ~DhtStream() override { socket_->set_packet_observer(nullptr); }

  // PeerStream
  PeerInfo info() const override {
    const udx::StreamStats stats = socket_->stats();
    return {.key = socket_->remote_key(),
            .outgoing = socket_->initiator(),
            .open = socket_->is_open(),
            .path = socket_->path(),
            .remote = socket_->remote_address(),
            .error = socket_->error(),
            .extension = socket_->extension(),
            .rtt = stats.rtt,
            .mtu = stats.mtu,
            .bytes_sent = stats.bytes_sent,
            .bytes_received = stats.bytes_received,
            .packets_repeated = stats.packets_repeated};
  }
  const PublicKey& remote_key() const override { return socket_->remote_key(); }
  void set_on_open(std::function<void()> on_open) override {
    socket_->set_on_open(std::move(on_open));
  }
  void set_on_path_changed(std::function<void()> on_path_changed) override {
    socket_->set_on_path_changed(std::move(on_path_changed));
  }
  void ping(std::function<void(Duration)> done) override { socket_->ping(std::move(done)); }
  void set_max_unsent(std::size_t bytes) override { socket_->set_max_unsent(bytes); }
  void send_message(ByteView message) override { socket_->send_unordered(message); }
  std::size_t max_message() const override { return socket_->max_unordered(); }
  void set_on_message(std::function<void(ByteView)> on_message) override {
    socket_->set_on_message(std::move(on_message));
  }
  bool takes_packets() const override { return socket_->takes_packets(); }
  bool takes_datagrams() const override { return socket_->takes_datagrams(); }
  std::size_t max_packet() const override { return socket_->max_packet(); }
  std::size_t max_in_parts() const override { return socket_->max_in_parts(); }
  std::size_t send_packets(std::span<const MutableBytes> packets) override {
    return socket_->send_packets(packets);
  }
  void set_packet_observer(PacketObserver* observer) override {
    packet_observer_ = observer;
    socket_->set_packet_observer(observer != nullptr ? this : nullptr);
  }
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)>) override {}
  void cancel() override { socket_->cancel(); }

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override { socket_->set_observer(observer); }
  net::ReadResult read(MutableBytes into) override { return socket_->read(into); }
  std::size_t write(ByteView bytes) override { return socket_->write(bytes); }
  std::string write_error() const override { return socket_->write_error(); }
  void end() override { socket_->end(); }
  void reset() override { socket_->reset(); }
  bool flushed() const override { return socket_->flushed(); }
  MutableBytes reserve() override { return socket_->reserve(); }
  void commit(std::size_t size) override { socket_->commit(size); }
  ByteView peek() override { return socket_->peek(); }
  void consume(std::size_t size) override { socket_->consume(size); }
  net::ReadState read_state() const override { return socket_->read_state(); }
  void reset_because(const std::string& reason) override { socket_->reset_because(reason); }
  void reset_behind(const std::string& reason) override { socket_->reset_behind(reason); }

 private:
  // hyperdht::LaneObserver
  void on_packets(std::span<const MutableBytes> packets) override {
    packet_observer_->on_packets(packets);
  }
  void on_packets_writable() override { packet_observer_->on_packets_writable(); }
  void on_max_packet() override { packet_observer_->on_max_packet(); }

  const std::unique_ptr<hyperdht::PeerSocket> socket_;
  PacketObserver* packet_observer_ = nullptr;
};

}  // namespace

std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::PeerSocket> socket) {
  return std::make_unique<DhtStream>(std::move(socket));
}

}  // namespace hsfwd
