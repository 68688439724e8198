// SPDX-License-Identifier: Apache-2.0
// Listens here for peers that ask for it, and leads whoever connects to them.
//
//   peer ── asks, a stream ──► ReverseHost ── listens ──► Acceptor ◄── local clients
//     ▲                                                      │
//     └────────────── streams back, one a client ────────────┘
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forward/acceptor.hpp"
#include "forward/admission.hpp"
#include "forward/listen_permit.hpp"
#include "forward/local_clients.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::forward {

class ReverseHost {
 public:
  /// Addresses that are listened at, for all and for one key.
  static constexpr std::size_t kMaxListeners = 256;
  static constexpr std::size_t kMaxOfKey = 32;

  /// What is told of it, and asked.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_listening(const crypto::PublicKey& peer, const std::string& address) = 0;
    /// `why`, for people: empty if the peer has taken it back.
    virtual void on_not_listening(const crypto::PublicKey& peer, const std::string& address,
                                  const std::string& why) = 0;
    /// Somebody has connected. A ticket admits him, and id is what his connection is called; none: he is let
    /// go.
    virtual std::optional<Admission::Ticket> admit_client(const crypto::PublicKey& peer) = 0;
    virtual std::uint64_t take_id() = 0;
    virtual void on_client(std::uint64_t id, PeerStream& to, const std::string& address) = 0;
    virtual void on_closed(const ClosedConnection& closed) = 0;
  };

  ReverseHost(Scheduler& scheduler, net::StreamFactory& streams, Observer& observer);
  ~ReverseHost();

  /// A peer that asks, over a stream of its own, which is the reason to listen as long as it is there. `permits`:
  /// its own.
  void serve(std::unique_ptr<PeerStream> peer, const ListenRequest& request,
             std::vector<ListenPermit> permits, Admission::Ticket ticket);

  struct Listening {
    crypto::PublicKey peer;
    std::string address;
    std::size_t connections = 0;
  };
  std::vector<Listening> listening() const;
  std::vector<OpenConnection> list() const;
  std::size_t connections() const { return clients_.connections(); }
  PipeStats total() const { return clients_.total(); }

  /// Listens no more for those that `unwanted` says so of, and ends their connections.
  void end(const std::function<bool(const crypto::PublicKey& peer, const ListenRequest& request)>&
               unwanted,
           const std::string& reason);
  /// Listens no more at all, and ends the connections as LocalClients::leave() does.
  void leave(const std::string& reason, Duration at_most, std::function<void()> done);

 private:
  class Entry;
  struct Client {
    const Entry* entry;
    std::string address;
    Admission::Ticket ticket;
  };

  void begin_unless_taken(Entry& entry);
  void on_alive(std::uint64_t number);
  void on_silent(Entry& waiting);
  void begin(Entry& entry);
  std::string listen(Entry& entry);
  /// Of those that are listened at.
  std::size_t count(const crypto::PublicKey* peer) const;
  Entry* find_same(const Entry& entry) const;
  void on_accepted(Entry& entry, std::unique_ptr<net::ByteStream> local);
  void on_closed(const ClosedConnection& closed);
  /// Its peer wants it no more.
  void stop(Entry& entry, const Ending& ending);
  /// Nor does whoever is here; the peer is told why.
  void give_up(Entry& entry, const std::string& reason);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  Observer& observer_;
  std::uint64_t next_number_ = 1;
  OwnedSet<Entry> entries_;
  std::map<std::uint64_t, Client> clients_of_;  // by connection
  LocalClients clients_;
};

}  // namespace hsfwd::forward
