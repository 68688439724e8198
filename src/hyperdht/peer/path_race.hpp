// SPDX-License-Identifier: Apache-2.0
// The ways by which a connection may come to its path, side by side; the first that gets through is
// the path.
#pragma once

#include <memory>
#include <vector>

#include "hyperdht/nat/attempt_log.hpp"
#include "hyperdht/peer/peer_connection.hpp"

namespace hsfwd::hyperdht {

/// One such way. Reports to its race, once at most, and never from inside its constructor.
class PathCandidate {
 public:
  virtual ~PathCandidate() = default;
  /// Begins. False: there is no such way here.
  virtual bool start() = 0;
  /// May still bring a path.
  virtual bool active() const = 0;
  /// Stops without notifying anybody.
  virtual void cancel() = 0;
  /// A relay carries the connection meanwhile.
  virtual void on_carried() {}
  /// Adds what it has found out to the account of a failed attempt.
  virtual void explain(AttemptFailure& failure) const { static_cast<void>(failure); }
};

class PathRace {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// A direct path is there. The socket lives on if it is held before this returns.
    virtual void on_path_found(const PeerPath& path) = 0;
    /// A relay can carry the connection; the race goes on for a direct path.
    virtual void on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                                  udx::StreamId leg) = 0;
    /// One way is closed; true if the owner has begun anew because of that.
    virtual bool on_candidate_lost(const PathCandidate& candidate) {
      static_cast<void>(candidate);
      return false;
    }
    /// Nothing is left that may bring a path.
    virtual void on_race_lost() = 0;
  };

  PathRace(Scheduler& scheduler, Owner& owner) : scheduler_(scheduler), owner_(owner) {}
  ~PathRace() { stop(); }
  PathRace(const PathRace&) = delete;
  PathRace& operator=(const PathRace&) = delete;

  /// Starts it beside the others; false if there is no such way.
  bool enter(std::unique_ptr<PathCandidate> candidate);
  /// Some way may still bring a path.
  bool running() const;
  /// Ends all of them.
  void stop();
  void explain(AttemptFailure& failure) const;

  // --- For the candidates ---
  void won(const PeerPath& path) { owner_.on_path_found(path); }
  void carried(std::unique_ptr<PathCarrier> carrier, const PeerPath& path, udx::StreamId leg);
  void lost(const PathCandidate& candidate);

 private:
  Scheduler& scheduler_;
  Owner& owner_;
  std::vector<std::unique_ptr<PathCandidate>> candidates_;
};

}  // namespace hsfwd::hyperdht
