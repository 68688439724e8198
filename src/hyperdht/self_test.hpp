// SPDX-License-Identifier: Apache-2.0
// Finds out whether a server can be reached, by doing what a client does: it looks the server's key
// up and sends a handshake through each relay. A relay that answers pings and has forgotten the
// server, or cannot get through to it, looks healthy to everything else.
//
//   round: search for the own key, one trial a relay ─► report, replace what failed
//   trial: handshake ─► (no answer: another) ─► passed or failed
//
// A round begins shortly after an announcement at relays that were not tested yet, and every
// minute. Without a network, or without relays, it ends at once and reports that nobody gets
// through. The handshakes carry a key of this object's own, by which the server tells them from
// visitors; it answers and forgets them.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "hyperdht/messages.hpp"
#include "hyperdht/operations.hpp"
#include "noise/handshake.hpp"

namespace hsfwd::hyperdht {

class Announcer;
class Dht;

/// Neither passed nor failed: there was no network, or no relay to try.
struct Reachability {
  std::vector<Address> passed;  // relays
  std::vector<Address> failed;
  /// Relays that a search for the key came upon.
  std::size_t found = 0;

  bool reachable() const { return !passed.empty() && found > 0; }
};

class SelfTest {
 public:
  using OnReport = std::function<void(const Reachability&)>;

  /// `on_report` is called after each round.
  SelfTest(Dht& dht, Announcer& announcer, const crypto::PublicKey& server, OnReport on_report);
  ~SelfTest();

  void on_announced();
  /// Ends it without a report.
  void cancel();
  /// Whether a visitor of the server is this test.
  bool is_own(const crypto::PublicKey& visitor) const { return visitor == keys_.public_key; }

 private:
  struct Trial {
    Address relay;
    std::unique_ptr<noise::Initiator> handshake;
    std::unique_ptr<rpc::Call> call;
    int handshakes = 0;
    bool passed = false;
    void cancel() { call->cancel(); }
  };

  void begin();
  bool online() const;
  void try_relay(Trial& trial);
  void on_result(Trial& trial, const rpc::CallResult& result);
  bool proves(Trial& trial, const rpc::Reply& reply) const;
  void settle();
  void conclude();
  void replace(const Reachability& report);

  Dht& dht_;
  Announcer& announcer_;
  const crypto::PublicKey server_;
  const crypto::KeyPair keys_;
  OnReport on_report_;
  bool running_ = false;
  std::size_t open_ = 0;  // trials and the search
  std::vector<std::unique_ptr<Trial>> trials_;
  std::unique_ptr<FindPeer> search_;
  std::set<Address> found_;
  std::set<Address> tested_;  // relays of the last round
  bool all_failed_ = false;   // in the last round
  Timer timer_;
  Task conclude_task_;
};

}  // namespace hsfwd::hyperdht
