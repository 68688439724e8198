// SPDX-License-Identifier: Apache-2.0
// Finds out whether a server can be reached, by doing what a client does: it looks the server's key
// up and sends a handshake through each relay. A relay that answers pings and has forgotten the
// server, or cannot get through to it, looks healthy to everything else.
//
//   round: search for the own key, one trial a relay ─► report, replace what failed
//   trial: handshake ─► (no answer: another) ─► passed, led elsewhere, or failed
//
// A round begins shortly after an announcement at relays that were not tested yet, and every 40
// seconds. Without a network, or without relays, it ends at once and reports that
// nobody gets through. The handshakes carry the server's own key and a mark, by which the server
// tells them from visitors; it answers and forgets them.
//
// Another program with the same identity (a cloned disk) takes the clients of this one, and nobody
// would know. It shows in two ways: a trial is answered that never came here, or a test comes that
// is not from here. Either, seen twice, is reported; once may be an instance that takes over from
// one that ends.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hyperdht/server/reachability.hpp"
#include "hyperdht/store/operations.hpp"
#include "hyperdht/wire/messages.hpp"
#include "noise/handshake.hpp"

namespace hsfwd::hyperdht {

class Announcer;
struct Context;

class SelfTest {
 public:
  using OnReport = std::function<void(const Reachability&)>;

  /// `on_report` is called after each round.
  SelfTest(const Context& context, Announcer& announcer, const crypto::KeyPair& server,
           OnReport on_report);
  ~SelfTest();

  void on_announced();
  /// Ends it without a report.
  void cancel();
  /// Whether a visitor of the server is such a test, of this or of another program. `visitor`: its
  /// authenticated key.
  bool is_test(const crypto::PublicKey& visitor, const NoisePayload& payload);

 private:
  struct Trial {
    Address relay;
    std::unique_ptr<noise::Initiator> handshake;
    std::unique_ptr<rpc::Call> call;
    std::set<std::uint64_t> stamps;  // of its handshakes
    bool own_relay = true;           // or one that the search came upon
    bool arrived = false;
    bool passed = false;
    void cancel() { call->cancel(); }
  };

  void begin();
  bool online() const;
  void add_trial(const Address& relay, bool own);
  void try_relay(Trial& trial);
  void on_searched();
  void on_result(Trial& trial, const rpc::CallResult& result);
  bool proves(Trial& trial, const rpc::Reply& reply) const;
  void settle();
  void note_other(const std::string& how);
  bool shared() const;
  bool is_old(std::uint64_t stamp) const;
  void conclude();
  void replace(const Reachability& report);

  const Context& context_;
  Announcer& announcer_;
  const crypto::KeyPair keys_;
  const std::uint64_t first_stamp_;
  OnReport on_report_;
  bool running_ = false;
  std::size_t open_ = 0;  // trials and the search
  std::vector<std::unique_ptr<Trial>> trials_;
  std::unique_ptr<FindPeer> search_;
  std::set<Address> found_;
  std::set<std::uint64_t> sent_;  // stamps of the handshakes of the last minute
  std::set<Address> tested_;      // relays of the last round
  bool all_failed_ = false;       // in the last round
  /// When another program was heard of: first and last, of one spell.
  Instant other_since_;
  std::optional<Instant> other_at_;
  Timer timer_;
  Task conclude_task_;
};

}  // namespace hsfwd::hyperdht
