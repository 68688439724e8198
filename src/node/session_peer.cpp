// SPDX-License-Identifier: Apache-2.0
#include "node/session_peer.hpp"

#include <functional>
#include <string>
#include <utility>

#include "hyperdht/peer/session.hpp"

namespace hsfwd {

namespace {

class SessionPeer final : public PeerStream {
 public:
  explicit SessionPeer(std::unique_ptr<hyperdht::SessionStream> stream)
      : stream_(std::move(stream)) {}

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
            .extension = stream_->accepted() ? stream_->extension() : session.extension(),
            .rtt = stats.rtt,
            .mtu = stats.mtu,
            .bytes_sent = stats.bytes_sent,
            .bytes_received = stats.bytes_received,
            .packets_repeated = stats.packets_repeated};
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
    return opened ? make_stream(std::move(*opened)) : nullptr;
  }
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)> on_back) override {
    stream_->set_on_back(
        [on_back = std::move(on_back)](auto stream) { on_back(make_stream(std::move(stream))); });
  }
  void set_max_unsent(std::size_t bytes) override { stream_->set_max_unsent(bytes); }
  void send_message(ByteView) override {}
  std::size_t max_message() const override { return 0; }
  void set_on_message(std::function<void(ByteView)>) override {}
  void cancel() override {
    stream_->silence();
    stream_->reset();
  }

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override { stream_->set_observer(observer); }
  net::ReadResult read(MutableBytes into) override { return stream_->read(into); }
  std::size_t write(ByteView bytes) override { return stream_->write(bytes); }
  std::string write_error() const override { return stream_->write_error(); }
  void end() override { stream_->end(); }
  void reset() override { stream_->reset(); }
  bool flushed() const override { return stream_->flushed(); }
  MutableBytes reserve() override { return stream_->reserve(); }
  void commit(std::size_t size) override { stream_->commit(size); }
  ByteView peek() override { return stream_->peek(); }
  void consume(std::size_t size) override { stream_->consume(size); }
  net::ReadState read_state() const override { return stream_->read_state(); }
  void reset_because(const std::string& reason) override { stream_->reset_because(reason); }
  void reset_behind(const std::string& reason) override { stream_->reset_behind(reason); }

 private:
  const std::unique_ptr<hyperdht::SessionStream> stream_;
};

}  // namespace

std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::SessionStream> stream) {
  return std::make_unique<SessionPeer>(std::move(stream));
}

}  // namespace hsfwd
