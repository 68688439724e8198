// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "node/hsfwd.hpp"

namespace hsfwd {

namespace {
// Bytes kept for a peer that does not take them before write() asks to wait.
constexpr std::size_t kBacklogMark = 64 * 1024;
}  // namespace

class PeerSocket::Impl final : public net::ByteStreamObserver {
 public:
  Impl(Scheduler& s, std::unique_ptr<PeerStream> p) : scheduler(s), stream(std::move(p)) {
    stream->set_observer(this);
  }
  ~Impl() override {
    if (stream) stream->set_observer(nullptr);
  }

  /// Nothing more is told. The callbacks stay, since one of them may be running.
  void cancel() {
    gone = over = paused = true;
    stream->cancel();
  }

  void on_readable() override {
    while (!paused && stream) {
      const ByteView next = stream->peek();
      if (next.empty()) break;
      // The callback may destroy this object, and with it what is being read.
      {
        const Telling guard(telling);
        if (on_data) on_data(next);
      }
      stream->consume(next.size());
    }
    if (gone || paused || ended || stream->read_state() != net::ReadState::kEnd) return;
    ended = true;
    if (!gone && on_end) on_end();
    check_over();
  }

  void on_writable() override {
    const bool waited = waiting() > 0;
    flush();
    if (!gone && waited && waiting() == 0 && on_drain) on_drain();
    check_over();
  }

  void on_reset(const std::string& reason) override {
    if (!std::exchange(over, true) && on_close) on_close(reason);
  }

  std::size_t waiting() const { return backlog.size() - taken; }

  void flush() {
    taken += stream->write(ByteView(backlog).subspan(taken));
    // What was taken goes in large pieces: for who writes on and on, to move the rest is not free.
    if (taken >= waiting()) {
      backlog.erase(backlog.begin(), backlog.begin() + static_cast<std::ptrdiff_t>(taken));
      taken = 0;
    }
    if (waiting() == 0 && ending) stream->end();
  }

  void check_over() {
    if (over || !ended || !ending || !stream->flushed()) return;
    over = true;
    if (on_close) on_close("");
  }

  struct Telling {
    explicit Telling(bool& f) : flag(f) { flag = true; }
    ~Telling() { flag = false; }
    bool& flag;
  };

  Scheduler& scheduler;
  std::unique_ptr<PeerStream> stream;
  std::function<void(ByteView)> on_data;
  std::function<void()> on_end;
  std::function<void(const std::string&)> on_close;
  std::function<void()> on_drain;
  Bytes backlog;  // behind what was taken
  std::size_t taken = 0;
  bool paused = false;
  bool ending = false;
  bool ended = false;
  bool over = false;
  bool gone = false;
  bool telling = false;  // on_data
};

PeerSocket::PeerSocket(Scheduler& scheduler, std::unique_ptr<PeerStream> stream)
    : impl_(std::make_unique<Impl>(scheduler, std::move(stream))) {}

PeerSocket::PeerSocket(PeerSocket&&) noexcept = default;

PeerSocket& PeerSocket::operator=(PeerSocket&& other) noexcept {
  PeerSocket old(std::move(*this));
  impl_ = std::move(other.impl_);
  return *this;
}

PeerSocket::~PeerSocket() {
  if (!impl_) return;
  // Maybe from inside one of its callbacks: what runs there must still find its object, and its
  // own captures. All of it goes at the end of the dispatch.
  Scheduler& scheduler = impl_->scheduler;
  scheduler.retire(std::move(impl_));
}

void PeerSocket::on_open(std::function<void()> callback) {
  impl_->stream->set_on_open(std::move(callback));
}
void PeerSocket::on_path_changed(std::function<void()> callback) {
  impl_->stream->set_on_path_changed(std::move(callback));
}
void PeerSocket::on_data(std::function<void(ByteView)> callback) {
  impl_->on_data = std::move(callback);
}
void PeerSocket::on_end(std::function<void()> callback) {
  impl_->on_end = std::move(callback);
}
void PeerSocket::on_close(std::function<void(const std::string&)> callback) {
  impl_->on_close = std::move(callback);
}
void PeerSocket::on_drain(std::function<void()> callback) {
  impl_->on_drain = std::move(callback);
}

bool PeerSocket::write(ByteView bytes) {
  append(impl_->backlog, bytes);
  impl_->flush();
  return impl_->waiting() < kBacklogMark;
}

void PeerSocket::end() {
  impl_->ending = true;
  impl_->flush();
}

void PeerSocket::reset() {
  impl_->over = true;
  impl_->stream->reset();
}

void PeerSocket::send(ByteView message) {
  if (message.size() <= max_message()) impl_->stream->send_message(message);
}

std::size_t PeerSocket::max_message() const {
  return impl_->stream->max_message();
}

void PeerSocket::on_message(std::function<void(ByteView)> callback) {
  impl_->stream->set_on_message(std::move(callback));
}

void PeerSocket::pause() {
  impl_->paused = true;
}

void PeerSocket::resume() {
  impl_->paused = false;
  impl_->stream->set_observer(impl_.get());  // reports again what there is to read
}

const PublicKey& PeerSocket::remote_key() const {
  return impl_->stream->remote_key();
}
PeerInfo PeerSocket::info() const {
  return impl_->stream->info();
}

std::unique_ptr<PeerStream> PeerSocket::release() {
  HSFWD_CHECK(!impl_->telling);
  impl_->gone = impl_->over = impl_->paused = true;
  auto stream = std::move(impl_->stream);
  stream->set_observer(nullptr);
  stream->set_on_message(nullptr);
  // Maybe from inside another of its callbacks.
  Scheduler& scheduler = impl_->scheduler;
  scheduler.delete_later(std::move(impl_));
  return stream;
}

}  // namespace hsfwd
