// SPDX-License-Identifier: Apache-2.0
// Finds a peer's relays and shakes hands with the peer through them. All handshakes carry the same
// first message; the first answer that opens ends the search. Anybody may claim to know the peer:
// those on hosts that have not been asked through come first.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/nat/attempt_log.hpp"
#include "hyperdht/wire/messages.hpp"
#include "noise/handshake.hpp"
#include "rpc/query.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// What the peer answered, and how the answer came.
struct PeerAnswer {
  NoisePayload payload;
  noise::Session keys;
  Address relay;           // the node that was asked
  Bytes noise;             // as it came
  Address server_address;  // the peer as that node sees it
  Address client_address;  // we as that node sees us
  bool relayed = false;
  std::shared_ptr<net::UdpSocket> socket;  // nullptr: the node's
  Duration rtt;
};

class PeerSearch {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    /// The end of everything that was begun.
    virtual void on_answered(PeerAnswer answer) = 0;
    /// The end of start(). `known`: somebody has heard of the peer, but no handshake was answered.
    virtual void on_not_answered(bool known) = 0;
    /// Of ask_directly(): no answer in time; repeats go on.
    virtual void on_path_slow() {}
    /// Of ask_directly(): no answer at all.
    virtual void on_path_dead(const net::UdpSocket&, const Address&) {}
  };

  PeerSearch(const Context& context, const crypto::PublicKey& remote, const crypto::KeyPair& keys,
             const AttemptLog& log, Observer& observer);
  ~PeerSearch() { cancel(); }

  /// The first message, written once; false if the peer's key is no key.
  bool prepare(const NoisePayload& payload);
  bool prepared() const { return !first_message_.empty(); }
  const Bytes& first_message() const { return first_message_; }

  /// Asks the peer itself, along a path that has led to it before. One path at a time; start() may
  /// join in beside it.
  void ask_directly(const Address& address, std::shared_ptr<net::UdpSocket> socket);
  /// Asks through the relays that are `known`, one after the other, and beside them through those
  /// that the DHT knows.
  void start(std::vector<Address> known);
  void cancel();

  /// Relays through which the peer was asked.
  const std::vector<Address>& tried() const { return tried_; }

 private:
  struct FoundRelay {
    Address address;
    Duration rtt;
  };
  struct Attempt {
    Address relay;
    std::shared_ptr<net::UdpSocket> socket;  // nullptr: the node's
    bool known = false;                      // from the list of known relays
    bool direct = false;
    bool slow = false;  // not answered in time; another one is tried beside it
    Duration rtt;       // to the relay, if it is known
    std::unique_ptr<rpc::Call> call;
    void cancel() { call->cancel(); }
  };

  void begin_query(std::vector<Address> start_nodes);
  void on_query_reply(const rpc::Reply& reply);
  void on_query_done();
  bool heard_of(const Address& relay) const;
  FoundRelay take_found();
  void next_attempts();
  void attempt(Attempt attempt);
  void on_result(Attempt& attempt, const rpc::CallResult& result);
  std::optional<PeerAnswer> open(const Attempt& attempt, const rpc::Reply& reply);
  void check_exhausted();

  const Context& context_;
  const rpc::Target target_;
  const AttemptLog& log_;
  Observer& observer_;
  noise::Initiator handshake_;
  Bytes first_message_;

  bool running_ = false;
  std::deque<Address> known_;
  std::deque<FoundRelay> found_;
  std::vector<Address> tried_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  bool asked_found_ = false;
  bool retry_without_known_ = false;
  std::size_t limit_ = 0;  // handshakes at once
  std::unique_ptr<rpc::Query> query_;
};

}  // namespace hsfwd::hyperdht
