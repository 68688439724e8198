// SPDX-License-Identifier: Apache-2.0
// The server's side of a hole punch: answers what the client asks through relays, and punches when
// it is told to.
#pragma once

#include <deque>
#include <functional>

#include "hyperdht/nat/holepuncher.hpp"
#include "hyperdht/nat/introductions.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "rpc/node.hpp"

namespace hsfwd::hyperdht {

struct Context;

class ServerPunch final : private HolepuncherObserver {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// `relay` is one through which this server has announced itself lately.
    virtual bool is_own_relay(const Address& relay) = 0;
    /// In how many networks relays have to have seen a client, so that it gets a random punch.
    virtual std::size_t introductions_wanted() = 0;
    /// A request of the client's has come that opens.
    virtual void on_request_opened() = 0;
    /// The client says that it punches: from here on the strategy's own end is waited for.
    virtual void on_punching() = 0;
    /// The client was told to come again later. Until it does, nothing punches.
    virtual void on_punch_put_off() = 0;
    /// Broken off by either side, or punched in vain. Nothing more comes.
    virtual void on_punch_over() = 0;
    /// A blind relay carries the connection, or will: a punch that has to wait may be asked for
    /// again.
    virtual bool has_relay() = 0;
  };

  ServerPunch(const Context& context, const crypto::Key32& payload_key, Firewall client_firewall,
              bool client_is_hsfwd, Owner& owner);
  ~ServerPunch() override;

  bool usable() const { return puncher_.usable(); }
  /// The socket that punches; handshake answers leave from it, so that the client knows its address.
  net::UdpSocket& socket() { return puncher_.socket(); }

  /// A relay has passed on the client's handshake.
  void on_handshake(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  void on_request(const HolepunchMessage& message, const rpc::RequestOrigin& origin);
  /// The client's stream has come from there.
  void on_path(const Address& client);
  /// Ends it without a word.
  void cancel();

 private:
  struct Request {
    HolepunchPayload payload;
    Address client;  // as the relay sees it
    rpc::RequestOrigin origin;
  };

  // HolepuncherObserver
  void on_punch(net::UdpSocket&, const net::Address&) override {}
  void on_exhausted() override { over(); }

  void take_over(const Request& request);
  void next();
  void on_settled(bool stable, bool reopened);
  void finish_request();
  void punch();
  void answer(PayloadError error);
  void abort(const Request& request, PayloadError error);
  void over();
  bool echoed(const Request& request);
  PeerProof proof_of(const Request& request);
  void refuse_unconfirmed();

  const Context& context_;
  Owner& owner_;
  SecurePayload secure_;
  Holepuncher puncher_;
  Introductions introductions_;
  std::uint64_t round_ = 0;
  std::deque<Request> requests_;  // the first is being worked on
  const bool client_is_hsfwd_;
  bool working_ = false;
  bool over_ = false;
  bool counted_ = false;  // as one with a path behind it
  Instant turn_until_;
  Timer turn_timer_;
  std::function<void()> repeat_answer_;
  Timer repeat_timer_;
};

}  // namespace hsfwd::hyperdht
