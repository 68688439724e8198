// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/server/server.hpp"
#include "hyperdht/server/server_candidates.hpp"
#include "noise/handshake.hpp"

namespace hsfwd::hyperdht {

struct ServerContext;

/// One distinct first handshake message at a server, from its answer until some seconds after its
/// connection stands or has failed: copies of the message are answered the same meanwhile.
///
/// A first message may be a recorded one, and its address anybody's. So nothing is done for it
/// beyond the answer, and what opens a path, until the client has proven itself; see
/// docs/protocol/forward.md, section 8.
class ServerSession final : public PathObserver,
                            private ServerPunch::Owner,
                            private PathRace::Owner {
 public:
  enum class State {
    kNew,
    kWaiting,    // answered; the client's stream has not come yet, a punch may be under way
    kRelayed,    // a blind relay carries it, a punch may still be under way
    kConnected,  // has its path
    kFailed,
  };

  ServerSession(Server& server, std::size_t id, const Bytes& noise, const Address& source);
  ~ServerSession() override;

  /// Opens the message, decides, and makes the answer. False when there is to be none.
  bool begin(const HandshakeMessage& message, const rpc::RequestOrigin& origin);

  /// Lets go of everything at once; the object itself goes a little later.
  void cancel();

  std::size_t id() const { return id_; }
  const Bytes& noise() const { return noise_; }
  State state() const { return state_; }
  /// Handed over before the proof.
  bool early() const { return handed_over_ != nullptr && !proven_; }
  /// Whom the session is put down to: the client, if a relay of our own says so.
  EvictionOrder::Standing standing() const;
  /// The second handshake message.
  const Bytes& answer() const { return answer_; }
  /// Where the answer leaves from; nullptr: where the request came in.
  net::UdpSocket* answer_socket() const;
  /// The first message has come again.
  std::optional<HandshakeAnswer> answer_copy(const HandshakeMessage& message,
                                             const rpc::RequestOrigin& origin) const;

  /// Another copy of the first message.
  void on_copy(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  void on_holepunch(const HolepunchMessage& message, const rpc::RequestOrigin& origin);

  // PathObserver
  void on_path(net::UdpSocket& socket, const net::Address& from) override;
  void on_proven() override;
  void on_connection_over() override;

 private:
  // ServerPunch::Owner
  bool is_own_relay(const Address& relay) override;
  std::size_t introductions_wanted() override;
  void on_request_opened() override;
  void on_punching() override;
  void on_punch_put_off() override;
  void on_punch_over() override;
  bool has_relay() override;

  // PathRace::Owner
  /// Never: the path is where the client's first packet comes from, see on_path.
  void on_path_found(const PeerPath&) override {}
  void on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                        udx::StreamId leg) override;
  bool on_candidate_lost(const PathCandidate& candidate) override;
  void on_race_lost() override;

  void prepare_stream();
  void find_path(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  void prepare_punch(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  bool shares_network(const rpc::RequestOrigin& origin) const;
  void enter_relay();
  void end_race();
  void give_up();
  void hand_over();
  void connect(net::UdpSocket& socket, const net::Address& to, std::uint64_t allowance);
  void leave_relay(net::UdpSocket& socket, const net::Address& to);
  void remember_route();
  bool may_be_early() const;
  void settle();
  void clear_later();
  void on_timer();
  void repeat_answer_later(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  PeerSocket& stream() { return socket_ ? *socket_ : *handed_over_; }
  udx::StreamId remote_id() const;
  std::optional<std::uint64_t> stamp() const;

  Server& server_;
  const ServerContext& context_;
  const std::size_t id_;
  const Bytes noise_;
  const Address source_;
  const Instant started_at_;
  Instant asked_at_;  // when the client was last heard of through a relay
  State state_ = State::kNew;
  bool joined_ = false;  // the stream has a path of its own
  bool proven_ = false;
  bool alive_ = false;  // the client has shown a sign of life, which is less
  KnownClients::Message message_ = KnownClients::Message::kUnknown;
  Address client_;  // as it is said, or seen, to be
  crypto::PublicKey key_;
  NoisePayload remote_;
  Bytes answer_;
  std::optional<noise::Session> keys_;
  std::uint64_t features_ = 0;          // that both sides have
  std::unique_ptr<PeerSocket> socket_;  // until it is handed over
  PeerSocket* handed_over_ = nullptr;
  std::optional<RelayThroughInfo> own_relay_;  // as named to the client
  RelayDial dial_;                             // of a relay that the client named
  PathRace race_;
  // In the race, while it runs.
  AwaitedClient* awaited_ = nullptr;
  AnsweredPunch* punch_ = nullptr;
  RelayCandidate* relay_ = nullptr;
  bool answers_from_punch_ = false;  // as long as there is one
  Timer timer_;                      // for the proof, then for copies of the first message
  std::function<void()> repeat_answer_;
  Timer repeat_timer_;
};

}  // namespace hsfwd::hyperdht
