// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "forward/socks.hpp"
#include "net/byte_stream.hpp"
#include "node/peer_stream.hpp"
#include "util/owned_set.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::forward {

/// Who knows where SOCKS clients are to be led.
class SocksGuide {
 public:
  virtual ~SocksGuide() = default;
  struct Way {
    SocksReply reply = SocksReply::kSucceeded;  // any other: there is no peer
    std::unique_ptr<PeerStream> peer;           // being dialled
    std::string why = {};                       // there is none, one clause for people
  };
  virtual Way dial(std::uint64_t id, const SocksTarget& target) = 0;

  struct Opened {
    SocksReply reply = SocksReply::kSucceeded;  // any other: it does not have what was wanted
    bool answers = false;                       // its first byte is a DestinationAnswer
    std::string why = {};                       // it does not, one clause for people
  };
  /// The peer's stream is open.
  virtual Opened on_open(std::uint64_t id, const SocksTarget& target, const PeerStream& peer) = 0;
  /// The client is connected, and has been told so.
  virtual void join(std::uint64_t id, const SocksTarget& target,
                    std::unique_ptr<net::ByteStream> client, std::unique_ptr<PeerStream> peer) = 0;
  /// The client is told, as far as it understands, that it is not led anywhere. `asked` is what it asked for, empty if
  /// that is not known; `why` is for people. Both have bytes as they came.
  virtual void on_failed(std::uint64_t id, const std::string& asked, const std::string& why) = 0;
  /// A client has given way to others, or would be one too many. The same.
  virtual void on_excess(const std::string& why) = 0;
  /// The reply to a client whose peer was not reached, or has left before there was an answer.
  virtual SocksReply not_reached(const PeerStream& peer) = 0;
};

/// Local clients that speak SOCKS5, until each is connected or refused. The reply comes once the peer's stream is
/// open and, of a destination, the peer has it.
class SocksClients {
 public:
  // What is to be done for clients that do nothing has an end.
  static constexpr Duration kTimeToAsk = Duration::seconds(20);
  static constexpr Duration kTimeToConnect = Duration::seconds(90);  // a punch, a look-up, a dial
  static constexpr Duration kTimeToLeave = Duration::seconds(5);     // once a refusal is written
  /// Those that are being led somewhere. Beyond that a client is told that there is no room.
  static constexpr std::size_t kMaxDialling = 1024;
  /// All others: the one that came first gives way.
  static constexpr std::size_t kMaxIdle = 256;

  SocksClients(Scheduler& scheduler, SocksGuide& guide);
  ~SocksClients();

  /// `id`, of ConnectionIds, identifies the client.
  void add(std::uint64_t id, std::unique_ptr<net::ByteStream> client);
  /// Gives up all that are not connected.
  void close();
  std::size_t count() const { return clients_.size(); }

 private:
  class Client;
  friend class Client;

  Scheduler& scheduler_;
  SocksGuide& guide_;
  std::size_t dialling_ = 0;
  OwnedSet<Client> clients_;  // oldest first
};

}  // namespace hsfwd::forward
