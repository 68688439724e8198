// SPDX-License-Identifier: Apache-2.0
// The sessions that clients have begun with a server of this node: each stream of theirs is a connection to who runs
// the server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/peer/session.hpp"
#include "hyperdht/server/server.hpp"
#include "node/options.hpp"
#include "node/peer_stream.hpp"
#include "node/session_record.hpp"
#include "util/owned_set.hpp"

namespace hsfwd {

class ServerSessions {
 public:
  /// Of one server, and of one client. Who has more gets a connection for each stream, as before.
  static constexpr std::size_t kMaxSessions = 1024;
  static constexpr std::size_t kMaxOfClient = 16;

  struct Callbacks {
    std::function<bool(const Visitor&)> allow;  // may be empty
    std::function<std::optional<Extension>(const PublicKey& client,
                                           const std::optional<Extension>&)>
        extension;
    std::function<void(std::unique_ptr<PeerStream>)> on_stream;
  };

  /// `patience`: how long a client that is silent is waited for.
  ServerSessions(Scheduler& scheduler, SessionRecords& records, Duration patience,
                 Callbacks callbacks);
  ~ServerSessions();

  /// Our block for a client, which takes its session or a new one if there is room.
  std::optional<Extension> answer(const PublicKey& client, const std::optional<Extension>& block);
  /// A connection that a client has made. False if it is of no session; it is as it was then.
  bool take(std::unique_ptr<hyperdht::PeerSocket>& socket);
  void cancel();

 private:
  class ServerSession;

  ServerSession* find(const PublicKey& client, ByteView id);
  bool has_room(const PublicKey& client);

  Scheduler& scheduler_;
  SessionRecords& records_;
  const Duration patience_;
  const Callbacks callbacks_;
  OwnedSet<ServerSession> sessions_;
  // Handshakes that were answered with a session, until it comes, or could not any more.
  struct Promise {
    PublicKey client;
    Instant until;
  };
  std::vector<Promise> promises_;
};

}  // namespace hsfwd
