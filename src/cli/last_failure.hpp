// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "cli/app.hpp"
#include "cli/health.hpp"
#include "cli/output.hpp"
#include "forward/connection.hpp"

namespace hsfwd::cli {

/// Why the last client of a local address did not get to the peer, until one does; before the first, why the peer
/// said that none would.
class LastFailure {
 public:
  enum class Of { kClient, kQuestion };

  LastFailure(App& app, const PublicKey& peer) : app_(app), peer_(peer) {}

  /// From now on they are led to this peer, and what was does not count.
  void lead_to(const PublicKey& peer);
  /// The question has failed. `why`: one line for people. `reached`: not for want of the peer.
  void on_refused(const std::string& why, bool reached) { set(Of::kQuestion, why, reached); }
  /// A client's connection is open, to what it wants.
  void on_open(std::uint64_t id);
  /// And over. `answers`: the peer is to say something, and who only sends is no success.
  void on_closed(const forward::ClosedConnection& closed, bool answers);

  /// Of clients of `listen`, which is to lead to `service` of `peer`; nothing if there is none, or it is over.
  std::optional<Trouble> trouble(const std::string& listen, const PeerReference& peer,
                                 const std::string& service) const;
  /// The fields of an entry of `status`, which stay as they are if there is none.
  template <class Status>
  void fill(Status& status) const {
    if (!failure_) return;
    status.last_failure = told(failure_->why);
    status.last_failure_of = failure_->of == Of::kClient ? "client" : "question";
    status.last_failure_seconds = seconds();
  }

 private:
  std::uint64_t seconds() const;
  void set(Of of, const std::string& why, bool reached);
  bool is_over() const;

  struct Failure {
    Of of;
    std::string why;
    Instant at;
    bool reached;  // the peer, and not what it was to lead to
  };
  App& app_;
  PublicKey peer_;
  std::optional<Failure> failure_;
  std::optional<Instant>
      first_;  // of several in a row, with none between them that got what it wanted
  std::set<std::uint64_t> open_;  // clients
};

}  // namespace hsfwd::cli
