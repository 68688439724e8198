// SPDX-License-Identifier: Apache-2.0
// The sessions that a node has begun: one for each peer and identity, shared by all who connect, and carried to
// another path when the one that it has is lost.
//
//   connect ──► a session there is? ─yes─► a stream of it
//                   │ no
//                   └──► Dial ─┬─► ClientSession, and a stream of it for each who waits
//                              └─► a peer without sessions: a connection for each
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hyperdht/dht.hpp"
#include "hyperdht/peer/session.hpp"
#include "node/client_session.hpp"
#include "node/pending_stream.hpp"
#include "node/session_record.hpp"
#include "util/bounded_map.hpp"
#include "util/owned_set.hpp"

namespace hsfwd {

class ClientSessions final : private PendingStream::Finder {
 public:
  /// `patience`: how long a peer that is silent is waited for.
  ClientSessions(hyperdht::Dht& dht, SessionRecords& records, Duration patience);
  ~ClientSessions() override;

  /// A stream to the service that the options' block names.
  std::unique_ptr<PeerStream> connect(const PublicKey& key, hyperdht::ConnectOptions options);
  /// This host's addresses may be others now.
  void on_network_change();
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Pair {
    PublicKey own;
    PublicKey remote;
    auto operator<=>(const Pair&) const = default;
  };
  struct Waiting {
    PendingStream* stream;
    hyperdht::ConnectOptions options;
  };
  class Dial;
  struct Entry;

  // PendingStream::Finder
  void on_unwanted(PendingStream& stream) override;

  std::shared_ptr<SessionRecord> current(const Pair& pair);
  std::shared_ptr<SessionRecord> add(const Pair& pair, const hyperdht::ConnectOptions& options,
                                     std::shared_ptr<hyperdht::Session> session,
                                     std::unique_ptr<hyperdht::PeerSocket> link);
  void join(const std::shared_ptr<SessionRecord>& to, const Pair& pair, Waiting waiting);
  void dial(const Pair& pair, Waiting waiting);
  void on_dialled(Dial& dial);
  void on_failed(Dial& dial, const std::string& reason);
  void on_back(const Entry& entry);

  hyperdht::Dht& dht_;
  Scheduler& scheduler_;
  SessionRecords& records_;
  const Duration patience_;
  OwnedSet<Dial> dials_;
  OwnedSet<Entry> sessions_;      // oldest first
  BoundedMap<Pair, bool> plain_;  // peers that were seen to have none
};

}  // namespace hsfwd
