// SPDX-License-Identifier: Apache-2.0
// How many connections of peers there may be: in all, of one key, waiting for their services to answer, and
// waiting for names to be looked up. One for all that a process exposes; whoever accepts a connection asks here first and
// keeps the ticket.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "crypto/keys.hpp"
#include "util/result.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::forward {

class Admission {
 public:
  struct Limits {
    std::size_t connections = 2048;
    std::size_t per_key = share_of_key(2048);
    bool operator==(const Limits&) const = default;

    /// One key leaves a quarter to others.
    static constexpr std::size_t share_of_key(std::size_t connections) {
      return connections - connections / 4;
    }
    /// A service that answers late, or not at all, holds a descriptor for each dial; connections to
    /// others go on beside them.
    std::size_t dialling() const { return connections - connections / 2; }
    /// Of names at once: the threads for them are also the node's.
    static constexpr std::size_t kMaxLookups = 32;
  };

  /// A connection that was admitted, until it is gone.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)),
          key_(other.key_),
          dialling_(std::exchange(other.dialling_, false)),
          looking_up_(std::exchange(other.looking_up_, false)) {}
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }

    /// Its service is about to be dialled. The error, for people: too many are, of all keys or of this one.
    Result<void, std::string> start_dial();
    void end_dial();
    /// The same of a name that is about to be looked up.
    Result<void, std::string> start_lookup();
    void end_lookup();

   private:
    friend class Admission;
    Ticket(Admission& admission, const crypto::PublicKey& key)
        : admission_(&admission), key_(key) {}
    void release();

    Admission* admission_ = nullptr;
    crypto::PublicKey key_;
    bool dialling_ = false;
    bool looking_up_ = false;
  };

  Admission() = default;
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// For new connections from now on.
  void set_limits(const Limits& limits) { limits_ = limits; }
  const Limits& limits() const { return limits_; }

  /// The error is one clause for people, the peer among them.
  Result<Ticket, std::string> admit(const crypto::PublicKey& key);

  std::size_t connections() const { return all_.connections; }
  std::size_t dialling() const { return all_.dialling; }
  void collect(MetricSink& sink) const;

 private:
  struct Held {
    std::size_t connections = 0;
    std::size_t dialling = 0;
    std::size_t lookups = 0;
  };
  struct Kind;
  static const Kind kConnections;
  static const Kind kDialling;
  static const Kind kLookups;

  /// One more of a kind, unless all or this key have as many as they may.
  Result<void, std::string> take(const crypto::PublicKey& key, const Kind& kind, std::size_t limit,
                                 std::size_t limit_of_key);
  void give_back(const crypto::PublicKey& key, const Kind& kind);

  Limits limits_;
  Held all_;
  std::map<crypto::PublicKey, Held> by_key_;
};

}  // namespace hsfwd::forward
