// SPDX-License-Identifier: Apache-2.0
// What a client asks the server about a punch: sealed, sent from the socket that is to punch,
// through relays. Several copies may be out at once, along different ways; the first answer ends
// them all.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/nat/attempt_log.hpp"
#include "hyperdht/nat/holepuncher.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::hyperdht {

struct Context;

class PunchRequests {
 public:
  /// Along which a request goes.
  struct Way {
    Address peer;  // the server, as the relay is told to address it
    Address relay;
    bool prove = false;  // the answer is to show whether the server is there
  };
  struct Answer {
    HolepunchPayload payload;
    bool to_ask = false;  // to be punched
    Address own;          // the punching socket, as the relay sees it
    Address relay;
    Address server;                   // from where the server answered, as the relay sees it
    std::optional<net::Ipv4> proven;  // the host at which the server was asked, if it is there
  };

  /// Each method may send and forget requests.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_answer(const Answer& answer) = 0;
    /// Nothing is out any more. `invalid`: the last one got something that is no answer.
    virtual void on_unanswered(bool invalid) = 0;
    /// The answer takes longer than it should.
    virtual void on_slow() = 0;
  };

  /// `target` the server's, `key` of the payloads, `session` the server's name for the attempt.
  PunchRequests(const Context& context, Holepuncher& puncher, const rpc::Target& target,
                const crypto::Key32& key, std::uint64_t session, const AttemptLog& log,
                Observer& observer);

  /// Numbers the round. Repeated after `pace`, then twice as long each time, until kGiveUp.
  void send(const Way& way, HolepunchPayload payload, Duration pace);
  /// A copy of the last one, along another way.
  void send_too(const Way& way, Duration pace);
  /// One whose answer nobody waits for.
  void tell(const Way& way, HolepunchPayload payload);
  void forget();

  /// Upstream repeats every second and gives up after four; these come sooner and end then.
  static constexpr Duration kGiveUp = 4_s;

 private:
  struct Request {
    std::unique_ptr<rpc::Call> call;
    Way way;
    bool asks_to_punch = false;
    std::optional<crypto::Hash32> token;
    void cancel() { call->cancel(); }
  };

  void on_result(Request& request, const rpc::CallResult& result);
  std::optional<Answer> open(const Request& request, const rpc::Reply& reply) const;

  const Context& context_;
  Holepuncher& puncher_;
  const rpc::Target target_;
  const std::uint64_t session_;
  const AttemptLog& log_;
  Observer& observer_;
  SecurePayload secure_;
  std::uint64_t round_ = 0;
  HolepunchPayload last_;
  OwnedSet<Request> requests_;
};

}  // namespace hsfwd::hyperdht
