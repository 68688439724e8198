// SPDX-License-Identifier: Apache-2.0
// What a node does for those who ask it, since a question may come under a false address:
//
//  - an answer of more than three times the question, or of more than 1 kB, goes only to who has
//  shown
//    to be there, for this one question: by a token, or by an answer to a ping of ours. Stock peers
//    answer pings from wherever they ask, and present tokens only when they store; so it is the
//    ping that lets them read values and topics. Nothing is remembered of who was there before, or
//    else every member of the network could be made a victim;
//  - what goes to a host, and to the /24 that it is in, has a rate. What a ping lets out has a
//  lower
//    one: a member of the DHT answers pings by itself, whoever asks in its name.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "net/env.hpp"
#include "rpc/request.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::rpc {

/// IPv4 and UDP, which count on either side.
inline constexpr std::size_t kUdpOverhead = 28;
/// Of an answer to a question of `question` bytes whose sender may be anybody; bytes of UDP
/// payload.
std::size_t max_unproven_answer(std::size_t question);

struct AdmissionStats {
  std::uint64_t over_budget = 0;       // requests without an answer, as too much went there lately
  std::uint64_t return_checks = 0;     // pings for proof
  std::uint64_t over_pong_budget = 0;  // none, as a host has had its large answers
  std::uint64_t not_forwarded = 0;     // to addresses that are none of the sender's business
};

/// A rate of bytes that are sent because somebody asked, by where they go. Loopback and private
/// hosts have a bucket a socket instead of one a host and a /24: whole networks are tried out on
/// one host, and who can send from there needs nobody to reach it.
class SendBudget {
 public:
  SendBudget(const net::Env& env, const TokenRate& host, const TokenRate& network);

  /// Something may still go there.
  bool left_for(const net::Address& to);
  /// Headers are added. The last datagram may be on credit.
  void spend(const net::Address& to, std::size_t bytes);

  // A client asks less than 200 times a second, of all nodes together, and 300 answers of a usual
  // size fit in this each second: a bootstrap node hears of a user behind a shared address some
  // twenty times an hour.
  static constexpr TokenRate kHost{.per_second = 64 * 1024, .capacity = 256 * 1024};
  static constexpr TokenRate kNetwork{.per_second = 4 * 64 * 1024, .capacity = 4 * 256 * 1024};

 private:
  const net::Env env_;
  TokenBuckets hosts_;
  TokenBuckets networks_;
};

/// Questions whose answers are large, until their senders have answered a ping. They are answered
/// anew then. Their number is fixed, and a new one may take the place of an older one: the sender
/// will ask again.
class ReturnChecks {
 public:
  explicit ReturnChecks(const net::Env& env);

  /// Keeps the question; the tid of the ping to be sent to its sender, or nothing where that makes
  /// no sense: the question is too long, or has come with all its repeats and no ping was answered.
  std::optional<std::uint16_t> begin(const IncomingRequest& request);
  /// Gives the question to `again` if this is the answer to its ping.
  template <class Again>
  bool on_response(const net::UdpSocket& socket, const net::Address& from, std::uint16_t tid,
                   Again&& again) {
    if (questions_.empty()) return false;
    Question& found = place(tid);
    if (!found.used || found.ping != tid || found.request.origin.from != from ||
        found.request.origin.socket != &socket) {
      return false;
    }
    Question question = found;
    found.used = false;
    if (question.has_value) {
      question.request.value = ByteView(question.value).first(question.value_size);
    }
    again(question.request);
    return true;
  }
  void forget_socket(const net::UdpSocket& socket);

  // Fifteen of the largest answers at once, and four a second, from one node. Another key is mostly
  // other nodes' to answer.
  static constexpr TokenRate kHost{.per_second = 8 * 1024, .capacity = 32 * 1024};
  static constexpr TokenRate kNetwork{.per_second = 4 * 8 * 1024, .capacity = 4 * 32 * 1024};

 private:
  static constexpr std::size_t kQuestions = 1024;  // of some 150 bytes, a round trip each
  static constexpr std::size_t kMaxValue = 16;     // upstream's questions have 9 bytes at most
  static constexpr int kPings = 3;

  struct Question {
    bool used = false;
    bool has_value = false;
    std::uint16_t ping = 0;
    int pings = 0;
    Instant last;
    IncomingRequest request;
    std::array<std::uint8_t, kMaxValue> value{};
    std::size_t value_size = 0;
  };
  Question& place(std::uint16_t ping) { return questions_[ping % kQuestions]; }
  std::uint16_t ping_for(const RequestOrigin& origin) const;

  const net::Env env_;
  crypto::Key32 secret_;
  std::vector<Question> questions_;  // none before the first
};

}  // namespace hsfwd::rpc
