// SPDX-License-Identifier: Apache-2.0
#include "node/session_record.hpp"

#include <utility>

#include "hyperdht/peer/context.hpp"

namespace hsfwd {

std::shared_ptr<SessionRecord> SessionRecords::add(std::shared_ptr<hyperdht::Session> session) {
  return std::make_shared<SessionRecord>(*this, next_id_++, std::move(session));
}

std::vector<SessionInfo> SessionRecords::list() const {
  std::vector<SessionInfo> out;
  for (const SessionRecord* const record : records_) {
    if (!record->session().over()) out.push_back(record->info());
  }
  return out;
}

SessionRecord::SessionRecord(SessionRecords& all, std::uint64_t id,
                             std::shared_ptr<hyperdht::Session> session)
    : all_(all),
      id_(id),
      session_(std::move(session)),
      since_(now()),
      sent_(since_),
      received_(since_) {
  all_.records_.push_back(this);
}

SessionRecord::~SessionRecord() {
  std::erase(all_.records_, this);
}

Instant SessionRecord::now() const {
  return session_->context().env.now();
}

void SessionRecord::Packets::add(const udx::StreamStats& stats) {
  received += stats.packets_received;
  sent += stats.packets_in_order;
  repeated += stats.packets_repeated;
  lost += stats.packets_lost;
}

SessionRecord::Packets SessionRecord::packets() const {
  Packets out = gone_;
  for (const hyperdht::SessionStream* const stream : streams_) out.add(stream->stats());
  return out;
}

void SessionRecord::remove(const hyperdht::SessionStream& stream) {
  if (streams_.erase(&stream) > 0) gone_.add(stream.stats());
}

void SessionRecord::on_sent(std::size_t bytes) {
  bytes_sent_ += bytes;
  sent_.add(bytes, now());
}

void SessionRecord::on_received(std::size_t bytes) {
  bytes_received_ += bytes;
  received_.add(bytes, now());
}

void SessionRecord::on_unanswered() {
  if (!silent()) silence_ = mark();
}

void SessionRecord::on_error(const std::string& error) {
  last_error_ = LastError{error, mark()};
}

/// Only what is sealed along the link proves that the peer is there; of a direct path that is little, and its
/// streams' packets tell as much to who only looks.
bool SessionRecord::heard_since(const Mark& mark) const {
  return session_->heard_at() > mark.at || packets().received > mark.packets;
}

std::optional<Duration> SessionRecord::silent() const {
  if (!silence_ || heard_since(*silence_)) return std::nullopt;
  return now() - silence_->at;
}

SessionInfo SessionRecord::info() const {
  const Packets packets = this->packets();
  return {.id = id_,
          .key = session_->remote_key(),
          .outgoing = session_->initiator(),
          .streams = session_->streams(),
          .since = since_,
          .path = session_->path_kind(),
          .remote = session_->remote_address(),
          .rtt = session_->rtt(),
          .moves = session_->moves(),
          .silent = silent(),
          .last_error = last_error_ ? last_error_->text : "",
          .last_error_at = last_error_ ? last_error_->mark.at : Instant(),
          .last_error_over = last_error_ && heard_since(last_error_->mark),
          .bytes_sent = bytes_sent_,
          .bytes_received = bytes_received_,
          .send_rate = sent_.per_second(now()),
          .receive_rate = received_.per_second(now()),
          .packets_sent = packets.sent,
          .packets_repeated = packets.repeated,
          .packets_lost = packets.lost};
}

}  // namespace hsfwd
