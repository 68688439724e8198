// SPDX-License-Identifier: Apache-2.0
#include "node/session_peer.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "hyperdht/peer/session.hpp"
#include "node/session_record.hpp"

namespace hsfwd {

namespace {

class SessionPeer final : public PeerStream, private hyperdht::LaneObserver {
 public:
  SessionPeer(std::unique_ptr<hyperdht::SessionStream> stream,
              std::shared_ptr<SessionRecord> record)
      : record_(std::move(record)), stream_(std::move(stream)) {
    record_->add(*stream_);
  }
  ~SessionPeer() override {
    stream_->set_packet_observer(nullptr);
    record_->remove(*stream_);
  }

  // PeerStream
  PeerInfo info() const override {
    const udx::StreamStats stats = stream_->stats();
    const hyperdht::Session& session = stream_->session();
    return {.key = session.remote_key(),
            .outgoing = session.initiator() == (stream_->number() % 2 == 0),
            .open = stream_->is_open() && stream_->accepted(),
            .path = session.path_kind(),
            .remote = session.remote_address(),
            .error = stream_->error(),
            .extension = said(),
            .rtt = stats.rtt,
            .mtu = stats.mtu,
            .bytes_sent = stats.bytes_sent,
            .bytes_received = stats.bytes_received,
            .packets_repeated = stats.packets_repeated,
            .session = record_->id()};
  }
  const PublicKey& remote_key() const override { return stream_->session().remote_key(); }
  void set_on_open(std::function<void()> on_open) override {
    stream_->set_on_open(std::move(on_open));
  }
  void set_on_path_changed(std::function<void()> on_path_changed) override {
    stream_->set_on_path_changed(std::move(on_path_changed));
  }
  void ping(std::function<void(Duration)> done) override { stream_->ping(std::move(done)); }
  bool in_session() const override { return true; }
  std::unique_ptr<PeerStream> open_back() override {
    auto opened = stream_->session().open_back(*stream_);
    return opened ? make_stream(std::move(*opened), record_) : nullptr;
  }
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)> on_back) override {
    stream_->set_on_back([on_back = std::move(on_back), record = record_](auto stream) {
      on_back(make_stream(std::move(stream), record));
    });
  }
  void set_max_unsent(std::size_t bytes) override { stream_->set_max_unsent(bytes); }
  void send_message(ByteView) override {}
  std::size_t max_message() const override { return 0; }
  void set_on_message(std::function<void(ByteView)>) override {}
  bool takes_packets() const override { return stream_->takes_packets(); }
  bool takes_datagrams() const override { return stream_->takes_datagrams(); }
  std::size_t max_packet() const override { return stream_->max_packet(); }
  std::size_t max_in_parts() const override { return stream_->max_in_parts(); }
  std::size_t send_packets(std::span<const MutableBytes> packets) override {
    const std::size_t taken = stream_->send_packets(packets);
    for (const MutableBytes packet : packets.first(taken)) {
      // Larger ones were lost here.
      if (packet.size() <= max_in_parts()) record_->on_sent(packet.size());
    }
    return taken;
  }
  void set_packet_observer(PacketObserver* observer) override {
    packet_observer_ = observer;
    stream_->set_packet_observer(observer != nullptr ? this : nullptr);
  }
  void cancel() override {
    stream_->silence();
    stream_->reset();
  }

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override { stream_->set_observer(observer); }
  net::ReadResult read(MutableBytes into) override {
    const net::ReadResult result = stream_->read(into);
    record_->on_received(result.size);
    return result;
  }
  std::size_t write(ByteView bytes) override {
    const std::size_t size = stream_->write(bytes);
    record_->on_sent(size);
    return size;
  }
  std::string write_error() const override { return stream_->write_error(); }
  void end() override { stream_->end(); }
  void reset() override { stream_->reset(); }
  bool flushed() const override { return stream_->flushed(); }
  MutableBytes reserve() override { return stream_->reserve(); }
  void commit(std::size_t size) override {
    stream_->commit(size);
    record_->on_sent(size);
  }
  ByteView peek() override { return stream_->peek(); }
  void consume(std::size_t size) override {
    stream_->consume(size);
    record_->on_received(size);
  }
  net::ReadState read_state() const override { return stream_->read_state(); }
  void reset_because(const std::string& reason) override { stream_->reset_because(reason); }
  void reset_behind(const std::string& reason) override { stream_->reset_behind(reason); }

 private:
  // hyperdht::LaneObserver
  void on_packets(std::span<const MutableBytes> packets) override {
    for (const MutableBytes packet : packets) record_->on_received(packet.size());
    packet_observer_->on_packets(packets);
  }
  void on_packets_writable() override { packet_observer_->on_packets_writable(); }
  void on_max_packet() override { packet_observer_->on_max_packet(); }

  /// Before it is about this stream, what was said when the session began; but not for which service.
  std::optional<Extension> said() const {
    std::optional<Extension> out =
        stream_->accepted() ? stream_->extension() : stream_->session().extension();
    if (out && !stream_->accepted()) out->service.clear();
    return out;
  }

  const std::shared_ptr<SessionRecord> record_;
  const std::unique_ptr<hyperdht::SessionStream> stream_;
  PacketObserver* packet_observer_ = nullptr;
};

}  // namespace

std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::SessionStream> stream,
                                        std::shared_ptr<SessionRecord> record) {
  return std::make_unique<SessionPeer>(std::move(stream), std::move(record));
}

}  // namespace hsfwd
