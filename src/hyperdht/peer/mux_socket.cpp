// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/mux_socket.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kEndWait = 5_s;  // for the peer to end as well
}

MuxSocket::MuxSocket(std::unique_ptr<PeerSocket> socket, std::function<void()> on_over)
    : socket_(std::move(socket)),
      on_over_(std::move(on_over)),
      mux_([this](ByteView frame) { socket_->send_message(frame); }),
      end_timer_(socket_->scheduler(), [this] {
        socket_->reset();
        over();
      }) {
  socket_->set_observer(this);
}

MuxSocket::~MuxSocket() {
  close();
}

void MuxSocket::close() {
  on_over_ = nullptr;
  end_timer_.stop();
  socket_->set_observer(nullptr);
  socket_->reset();
}

void MuxSocket::end() {
  if (end_timer_.armed()) return;
  end_timer_.start(kEndWait);
  mux_.shut();
  socket_->end();
}

/// Nothing more is read while the peer does not take the answers: it could make them pile up.
void MuxSocket::on_readable() {
  if (socket_->closed()) {
    over();
    return;
  }
  while (socket_->room() > 0) {
    // Messages are consumed whole, so what is there is one.
    const ByteView message = socket_->peek();
    if (message.empty()) break;
    const bool holds = mux_.feed(message).ok();
    socket_->consume(message.size());
    if (!holds) {
      socket_->reset();
      over();
      return;
    }
  }
  if (socket_->read_state() == net::ReadState::kEnd) end();
}

void MuxSocket::on_writable() {
  if (socket_->closed()) {
    over();
  } else {
    on_readable();
  }
}

void MuxSocket::over() {
  end_timer_.stop();
  mux_.shut();
  if (const auto told = std::exchange(on_over_, nullptr)) told();
}

}  // namespace hsfwd::hyperdht
