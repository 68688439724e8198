// SPDX-License-Identifier: Apache-2.0
// The last attempts to reach peers, step by step, for whoever asks afterwards why one failed or took
// long.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/attempt.hpp"
#include "node/keys.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// One of them, and what came of it.
struct RecordedAttempt {
  std::uint64_t id = 0;  // of the connection that it was for; 0: of none
  PublicKey peer;
  std::string service;  // empty: the default, or none
  Instant began;
  std::vector<AttemptEvent> steps;
  std::optional<Instant> opened_at;
  std::optional<AttemptFailure> failure;
  bool over = false;  // nothing more comes
};

class Attempts {
 public:
  static constexpr std::size_t kMaxAttempts = 20;
  static constexpr std::size_t kMaxSteps = 64;        // of one; those behind are dropped
  static constexpr std::size_t kMaxStepText = 300;    // bytes of one
  static constexpr std::size_t kMaxServiceText = 64;  // bytes

  explicit Attempts(const Scheduler& scheduler) : scheduler_(scheduler) {}

  /// Takes the steps of an attempt. It is listed from its first one on: a stream of a session that is
  /// there needs none.
  AttemptSink record(std::uint64_t id, const PublicKey& peer, const std::string& service);
  /// The newest first.
  const std::deque<std::shared_ptr<const RecordedAttempt>>& list() const { return *list_; }

 private:
  using List = std::deque<std::shared_ptr<const RecordedAttempt>>;
  class Recorder;

  const Scheduler& scheduler_;
  const std::shared_ptr<List> list_ = std::make_shared<List>();  // connections may outlive this
};

}  // namespace hsfwd::cli
