// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/protomux.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::secret_stream {

namespace {
// A batch of more bytes is sent before the next message is added; upstream's figure.
constexpr std::size_t kMaxBatch = 8 * 1024 * 1024;
}  // namespace

void Channel::send(std::uint64_t type, ByteView payload) {
  if (mux_ == nullptr) return;
  mux_->write(codec::encode([&](codec::Writer& w) {
    w.uint(number_);
    w.uint(type);
    w.raw(payload);
  }));
}

void Channel::close() {
  if (mux_ != nullptr) mux_->close(*this);
}

Protomux::~Protomux() {
  for (const Local& local : local_) {
    if (local.channel != nullptr) local.channel->mux_ = nullptr;
  }
}

// --- The own side ---

std::uint64_t Protomux::take_number() {
  if (free_.empty()) {
    local_.emplace_back();
    return local_.size();
  }
  const std::uint64_t number = free_.back();
  free_.pop_back();
  return number;
}

std::unique_ptr<Channel> Protomux::open(std::string_view protocol, ByteView id,
                                        ChannelObserver& observer) {
  HSFWD_CHECK(!shut_);
  const std::uint64_t number = take_number();
  auto channel = std::unique_ptr<Channel>(new Channel(*this, number, observer));
  Local& local = local_[number - 1];
  local = {channel.get(), 0, {std::string(protocol), to_bytes(id)}};
  write(codec::encode([&](codec::Writer& w) {
    w.uint(0);
    w.uint(static_cast<std::uint64_t>(Control::kOpen));
    w.uint(number);
    w.string(protocol);
    w.buffer(id);
  }));
  if (incoming_ != 0 && incoming_name_.matches(protocol, id)) {
    link(local, std::exchange(incoming_, 0));
  } else {
    waiting_.push_back(number);
  }
  return channel;
}

void Protomux::link(Local& local, std::uint64_t remote) {
  local.remote = remote;
  remote_[remote - 1] = static_cast<std::uint64_t>(&local - local_.data()) + 1;
  local.channel->open_ = true;
}

void Protomux::close(Channel& channel) {
  write_control(Control::kClose, channel.number_);
  detach(channel.number_);
}

void Protomux::detach(std::uint64_t number) {
  Local& local = local_[number - 1];
  local.channel->open_ = false;
  std::exchange(local.channel, nullptr)->mux_ = nullptr;
  // Without the peer's open the number stays taken: an answer that names it is on its way.
  if (local.remote == 0) return;
  remote_[local.remote - 1] = 0;
  local = {};
  free_.push_back(number);
}

void Protomux::shut() {
  shut_ = true;
  for (std::size_t i = 0; i < local_.size(); ++i) {
    Channel* const channel = local_[i].channel;
    if (channel == nullptr) continue;
    detach(i + 1);
    channel->observer_.on_closed();
  }
}

// --- Writing ---

void Protomux::write_control(Control type, std::uint64_t number) {
  write(codec::encode([&](codec::Writer& w) {
    w.uint(0);
    w.uint(static_cast<std::uint64_t>(type));
    w.uint(number);
  }));
}

void Protomux::write(ByteView frame) {
  if (shut_) return;
  if (corks_ > 0) {
    append_to_batch(frame);
  } else {
    send_(frame);
  }
}

void Protomux::append_to_batch(ByteView frame) {
  if (batch_.size() >= kMaxBatch) flush_batch();
  codec::Reader reader(frame);
  const std::uint64_t channel = reader.uint();
  codec::Writer writer(batch_);
  if (batch_.empty()) {
    writer.uint(0);
    writer.uint(static_cast<std::uint64_t>(Control::kBatch));
    writer.uint(channel);
  } else if (channel != batch_channel_) {
    writer.uint(0);
    writer.uint(channel);
  }
  batch_channel_ = channel;
  writer.buffer(reader.rest());
}

void Protomux::flush_batch() {
  const Bytes batch = std::exchange(batch_, {});
  if (!batch.empty() && !shut_) send_(batch);
}

void Protomux::uncork() {
  HSFWD_CHECK(corks_ > 0);
  if (--corks_ == 0) flush_batch();
}

// --- The peer's side ---

Result<void> Protomux::feed(ByteView frame) {
  if (frame.empty() || shut_) return {};
  codec::Reader reader(frame);
  const std::uint64_t remote = reader.uint();
  if (!dispatch(remote, reader, false)) return Err(Errc::kMalformed);
  return {};
}

bool Protomux::dispatch(std::uint64_t remote, codec::Reader& reader, bool in_batch) {
  const std::uint64_t type = reader.uint();
  if (!reader.ok()) return false;
  if (remote == 0) return on_control(type, reader, in_batch);
  // What is under way while a channel closes is no fault.
  const std::uint64_t number = remote <= remote_.size() ? remote_[remote - 1] : 0;
  return number == 0 || local_[number - 1].channel->observer_.on_message(type, reader.rest());
}

bool Protomux::on_control(std::uint64_t type, codec::Reader& reader, bool in_batch) {
  switch (static_cast<Control>(type)) {
    case Control::kBatch:
      return !in_batch && on_batch(reader);
    case Control::kOpen:
      return on_open(reader);
    case Control::kReject:
      return on_reject(reader);
    case Control::kClose:
      on_close(reader);
      return reader.ok();
  }
  return true;  // of a later version
}

bool Protomux::on_batch(codec::Reader& reader) {
  std::uint64_t channel = reader.uint();
  cork();
  bool holds = reader.ok();
  while (holds && !reader.rest().empty()) {
    const ByteView item = reader.buffer();
    if (reader.ok() && item.empty()) {
      channel = reader.uint();
    } else if (reader.ok()) {
      codec::Reader inside(item);
      holds = dispatch(channel, inside, true);
    }
    holds = holds && reader.ok();
  }
  uncork();
  return holds;
}

bool Protomux::on_open(codec::Reader& reader) {
  const std::uint64_t remote = reader.uint();
  const std::string_view protocol = reader.string();
  const ByteView id = reader.buffer();
  if (!reader.ok()) return false;
  if (remote == 0) {
    write_control(Control::kReject, 0);
    return true;
  }
  if (remote == remote_.size() + 1 && remote <= kMaxChannels) remote_.push_back(0);
  if (remote > remote_.size() || remote_[remote - 1] != 0) return false;

  const auto waits = std::find_if(waiting_.begin(), waiting_.end(), [&](std::uint64_t number) {
    return local_[number - 1].name.matches(protocol, id);
  });
  if (waits != waiting_.end()) {
    const std::uint64_t number = *waits;
    waiting_.erase(waits);
    Local& local = local_[number - 1];
    if (local.channel == nullptr) {
      // Closed meanwhile; the peer has heard of it, or will.
      local = {};
      free_.push_back(number);
      return true;
    }
    link(local, remote);
    local.channel->observer_.on_open();
    return true;
  }
  incoming_ = remote;
  incoming_name_ = {std::string(protocol), to_bytes(id)};
  if (on_incoming_) on_incoming_(protocol, id);
  if (std::exchange(incoming_, 0) != 0) {
    write_control(Control::kReject, remote);
  } else if (const std::uint64_t number = remote_[remote - 1]; number != 0) {
    local_[number - 1].channel->observer_.on_open();
  }
  return true;
}

bool Protomux::on_reject(codec::Reader& reader) {
  const std::uint64_t number = reader.uint();
  const auto waits = std::find(waiting_.begin(), waiting_.end(), number);
  if (!reader.ok() || waits == waiting_.end()) return false;
  waiting_.erase(waits);
  Channel* const channel = local_[number - 1].channel;
  if (channel != nullptr) detach(number);
  local_[number - 1] = {};
  free_.push_back(number);
  if (channel != nullptr) channel->observer_.on_closed();
  return true;
}

void Protomux::on_close(codec::Reader& reader) {
  const std::uint64_t remote = reader.uint();
  if (!reader.ok() || remote == 0 || remote > remote_.size()) return;
  const std::uint64_t number = remote_[remote - 1];
  if (number == 0) return;
  Channel* const channel = local_[number - 1].channel;
  detach(number);
  channel->observer_.on_closed();
}

}  // namespace hsfwd::secret_stream
