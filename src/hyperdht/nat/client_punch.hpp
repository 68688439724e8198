// SPDX-License-Identifier: Apache-2.0
// The client's side of a hole punch: what it says to the server, through relays, until punches get
// through.
//
//   kProbing ──► kSettling ──► kAsking ──► kPunching ──► kDone
//      ▲             │  ▲         │  ▲         │
//      └─────────────┘  └─ kWaitingForTurn ◄───┴──────────► kFailed
//
// - kProbing: the server is asked what its NAT does; it may punch at once if it can.
// - kSettling: the own NAT's verdict, or a moment for the server to find out its own.
// - kWaitingForTurn: one side runs another random punch. A few seconds at most, unless a blind relay
//   carries the connection meanwhile.
// - kAsking: the server is asked to punch.
// - kPunching: see Holepuncher. Random strategies, which take long, begin with the question; its
//   answer may still come.
//
// A punch that comes in, in any state, is success. So is a server that says that it is open.
#pragma once

#include <optional>
#include <vector>

#include "hyperdht/nat/introductions.hpp"
#include "hyperdht/nat/punch_failure.hpp"
#include "hyperdht/nat/punch_requests.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// What the handshake brought that a punch needs.
struct PunchTerms {
  rpc::Target target;      // the server's
  crypto::Key32 key;       // of the payloads
  HolepunchInfo session;   // the server's name for this attempt, and its relays
  Address relay;           // through which the handshake went
  Address server_address;  // the server as that relay sees it
  Firewall server_firewall = Firewall::kUnknown;
  bool server_is_hsfwd = false;
  Duration rtt;  // of the handshake, through the relay
  bool fast_open = true;
  /// There is, or will be, another way for the data: being asked to come later is no failure.
  bool patient = false;
};

class ClientPunch final : private HolepuncherObserver, private PunchRequests::Observer {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    /// The path is open. The socket lives on if it is held before this returns.
    virtual void on_punched(net::UdpSocket& socket, const Address& from) = 0;
    /// The server has found out that it takes packets from anybody; at `address`.
    virtual void on_open_server(const Address& address) = 0;
    virtual void on_punch_failed(PunchFailure failure) = 0;
  };

  /// Begins. Events come later, never from inside the constructor.
  ClientPunch(const Context& context, PunchTerms terms, const AttemptLog& log, Observer& observer);
  ~ClientPunch() override;

  /// Ends it without a word.
  void cancel();
  bool running() const { return state_ != State::kDone && state_ != State::kFailed; }
  Firewall own_firewall() const { return puncher_.nat().verdict(); }
  Firewall remote_firewall() const { return puncher_.remote().firewall; }

 private:
  enum class State {
    kProbing,
    kSettling,
    kWaitingForTurn,
    kAsking,
    kPunching,
    kDone,
    kFailed,
  };
  using Answer = PunchRequests::Answer;
  using Way = PunchRequests::Way;

  // HolepuncherObserver
  void on_punch(net::UdpSocket& socket, const net::Address& from) override;
  void on_exhausted() override;

  // PunchRequests::Observer
  void on_answer(const Answer& answer) override;
  void on_unanswered(bool invalid) override;
  void on_slow() override;

  void on_try_later();
  void probe();
  void on_probe_answer(const Answer& answer);
  void on_settled(bool stable, bool reopened);
  void conclude_probe();
  void begin_round();
  void ask_to_punch();
  void inquire();
  void on_ask_answer();
  bool asks_once() const { return puncher_.needs_budget() && !terms_.server_is_hsfwd; }
  bool start_punching();
  void introduce();

  HolepunchPayload own_state(bool punching);
  void prefer(const Address& relay);
  Way way_to(const RelayInfo& relay, bool prove) const;
  Way way_of_handshake() const;
  Way way_about_punching();
  const RelayInfo* other_introducer() const;
  Duration eager_pace() const;
  void say_abort();
  void fail(PunchFailure failure);
  void on_timer();

  const Context& context_;
  const PunchTerms terms_;
  const AttemptLog& log_;
  Observer& observer_;
  std::vector<RelayInfo> server_relays_;  // in the order in which they are asked
  Address server_address_;
  Holepuncher puncher_;
  PunchRequests requests_;
  Introductions introduced_by_;  // through whom the server has heard of us

  State state_ = State::kProbing;
  bool may_probe_again_ = true;
  bool delayed_ = false;  // the turn was waited for: the handshake's relay has done its part
  bool introduced_ = false;
  Instant turn_until_;
  int asks_ = 0;                       // to punch, in this round
  std::size_t relays_asked_ = 0;       // of server_relays_, what is out now, from the front
  bool may_ask_punch_socket_ = false;  // once for each probe
  std::optional<crypto::Hash32> server_token_;
  std::optional<Address> own_address_;  // as the relay of the probe saw it
  Address probed_server_;               // where the server answered the probe from
  Address probed_relay_;
  Timer timer_;
  Task begin_task_;
};

}  // namespace hsfwd::hyperdht
