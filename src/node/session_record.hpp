// SPDX-License-Identifier: Apache-2.0
// What is known of a session for those who look at it. Whoever carries the session has its record, and so has each of
// its streams, which say there what they carry.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "hyperdht/peer/session.hpp"
#include "node/session_info.hpp"
#include "udx/stream.hpp"
#include "util/rate_meter.hpp"

namespace hsfwd {

class SessionRecord;

/// The records of a node, which outlives them.
class SessionRecords {
 public:
  std::shared_ptr<SessionRecord> add(std::shared_ptr<hyperdht::Session> session);
  /// Those that are not over, in the order in which they began.
  std::vector<SessionInfo> list() const;

 private:
  friend class SessionRecord;

  std::uint64_t next_id_ = 1;
  std::vector<const SessionRecord*> records_;
};

class SessionRecord {
 public:
  SessionRecord(SessionRecords& all, std::uint64_t id, std::shared_ptr<hyperdht::Session> session);
  ~SessionRecord();
  SessionRecord(const SessionRecord&) = delete;
  SessionRecord& operator=(const SessionRecord&) = delete;

  std::uint64_t id() const { return id_; }
  hyperdht::Session& session() const { return *session_; }
  const std::shared_ptr<hyperdht::Session>& shared() const { return session_; }
  SessionInfo info() const;

  // --- For whoever carries the session ---

  /// What was sent is not answered. Often, as long as that lasts.
  void on_unanswered();
  /// `error` is one clause for people.
  void on_error(const std::string& error);

  // --- For its streams ---

  void add(const hyperdht::SessionStream& stream) { streams_.insert(&stream); }
  /// It is about to go.
  void remove(const hyperdht::SessionStream& stream);
  void on_sent(std::size_t bytes);
  void on_received(std::size_t bytes);

 private:
  /// Packets and what became of them.
  struct Packets {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t repeated = 0;
    std::uint64_t lost = 0;
    void add(const udx::StreamStats& stats);
  };
  /// An instant, and what had come by then.
  struct Mark {
    Instant at;
    std::uint64_t packets = 0;
  };
  struct LastError {
    std::string text;
    Mark mark;
  };

  Instant now() const;
  Mark mark() const { return {now(), packets().received}; }
  bool heard_since(const Mark& mark) const;
  Packets packets() const;
  std::optional<Duration> silent() const;

  SessionRecords& all_;
  const std::uint64_t id_;
  const std::shared_ptr<hyperdht::Session> session_;
  const Instant since_;
  std::unordered_set<const hyperdht::SessionStream*> streams_;
  Packets gone_;  // of streams that are
  std::optional<Mark> silence_;
  std::optional<LastError> last_error_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  RateMeter sent_;
  RateMeter received_;
};

}  // namespace hsfwd
