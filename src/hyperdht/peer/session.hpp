// SPDX-License-Identifier: Apache-2.0
// Many streams between two hsfwd peers that agreed on keys once. The connection that they did so over is the
// session's link: it has the path, seals what is said beside the streams, and shows whether the peer is there. The
// session outlives it, and goes on over another.
//
//   Session ─┬─ control stream (number 0): SessionMessage
//            ├─ SessionStream 2, 4, ... of the initiator, 1, 3, ... of the responder
//            ├─ udx::Path, which all of them share
//            └─ link: PeerSocket ──► where the path leads
//
// docs/protocol/forward.md, section 11.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hyperdht/nat/path_kind.hpp"
#include "hyperdht/peer/session_carrier.hpp"
#include "hyperdht/peer/session_packets.hpp"
#include "hyperdht/peer/session_stream.hpp"
#include "hyperdht/wire/session_message.hpp"
#include "noise/handshake.hpp"
#include "udx/mux.hpp"

namespace hsfwd::hyperdht {

class PeerConnection;
class PeerSocket;
class PoolSocket;
struct PeerContext;

/// Names a session to who has it.
using SessionId = FixedBytes<struct SessionIdTag, 16>;

/// What a session tells whoever has it. The session may be let go of inside all of them.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  /// The peer wants a stream to `service`: what it is told about that. The error refuses it, and is one clause for
  /// people.
  virtual Result<Extension, std::string> on_stream_wanted(const Extension& wanted) = 0;
  /// A stream that the peer has opened.
  virtual void on_stream(std::unique_ptr<SessionStream> stream) = 0;
  /// The last stream is gone.
  virtual void on_idle() = 0;
  /// Nothing is heard along the path, or it is known to be gone: there should be another link, see
  /// Session::adopt.
  virtual void on_path_doubtful() = 0;
  /// The path's mapping in a NAT may end soon, here or at the peer: there should be another path ahead of that. To the
  /// initiator.
  virtual void on_path_old() {}
  /// The last event: the peer has ended it, or broken it.
  virtual void on_session_over(const std::string& reason) = 0;
};

class Session final : public std::enable_shared_from_this<Session>,
                      private net::ByteStreamObserver {
 public:
  /// Streams of one session at a time, those of both sides.
  static constexpr std::size_t kMaxStreams = 4096;
  /// The first stream of the initiator, which rides in the handshake.
  static constexpr std::uint64_t kFirstStream = 2;

  /// `link` has its keys, `handshake`, and leads to a place by now.
  Session(const PeerContext& context, PeerConnection& link, const noise::Session& handshake);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const SessionId& id() const { return id_; }
  bool initiator() const { return handshake_.initiator; }
  const crypto::PublicKey& remote_key() const { return handshake_.remote; }
  /// The peer has ended it, or it was ended here.
  bool over() const { return over_; }
  /// Those in use.
  std::size_t streams() const { return streams_.size() - (control_ ? 1 : 0); }
  /// Where the path leads, or led.
  PathKind path_kind() const { return path_kind_; }
  net::Address remote_address() const { return path_->remote(); }
  /// How often the path has come to lead to another place than one that the peer was heard at.
  std::uint64_t moves() const { return moves_; }
  /// There is a link.
  bool linked() const { return link_ != nullptr; }
  PeerConnection* link() const { return link_; }
  /// Both sides have agreed that packets may travel beside its streams.
  bool passes_packets() const { return passes_packets_; }
  /// When something came that the peer has sealed, over this link or an earlier one. What only looks like the
  /// peer's is no sign of it.
  Instant heard_at() const;
  Duration rtt() const { return path_->rtt().smoothed(); }
  /// Streams that the peer has not answered yet fail: it cannot be reached at the moment.
  void fail_unanswered(ConnectError error, const std::string& why);
  /// Asks the peer for a sign of life along the path.
  void probe();
  /// What was said in the handshake of the first link.
  const std::optional<Extension>& extension() const { return extension_; }

  /// From now on the session has `link`, over which it was made, and tells `observer` what comes.
  void start(std::unique_ptr<PeerSocket> link, SessionObserver& observer);
  /// The first stream, of the initiator, for which `link` was made. Once.
  std::unique_ptr<SessionStream> take_first();
  /// A further one, to a service of the peer's, which may be written to at once. `packets`: of
  /// Extension::kKindsOfPackets, those that are to travel beside it, if passes_packets(). The error is one clause for people.
  Result<std::unique_ptr<SessionStream>, std::string> open(const std::string& service,
                                                           std::uint64_t packets = 0);
  /// One to whoever has the other end of `stream`, which the peer has opened: SessionStream::set_on_back.
  Result<std::unique_ptr<SessionStream>, std::string> open_back(const SessionStream& stream);
  /// Goes on over `link`, which the same peer has agreed on for this session.
  void adopt(std::unique_ptr<PeerSocket> link);
  /// Ends it, with all streams. The peer hears the reason. `error`: what its users are told here.
  void end(const std::string& reason, ConnectError error = ConnectError::kReset);
  /// A record of the control stream, for tests.
  void send_control(ByteView record) { control_->send_message(record); }
  /// A stream of which the control stream says nothing, for tests.
  std::unique_ptr<SessionStream> make_untold(std::uint64_t number) { return make_stream(number); }
  /// Tells nobody anything any more.
  void abandon() { observer_ = nullptr; }

  // --- For the link ---
  void on_link_proven();
  /// The link leads elsewhere.
  void on_link_moved();
  /// The peer's side of the path may end soon.
  void on_renewal_wanted();

  // --- For the streams ---
  const PeerContext& context() const { return context_; }
  udx::Path& path() { return *path_; }
  SessionPackets& packets() { return packets_; }
  SessionCarrier& carrier() { return carrier_; }
  /// nullptr if there is none of that number.
  SessionStream* find(std::uint64_t number) const;
  bool hears(net::UdpSocket& socket, const net::Address& from);
  void forget(SessionStream& stream);
  /// The peer hears that the stream is given up, whatever becomes of its packets.
  void say_reset(const SessionStream& stream, const std::string& why);
  Bytes farewell_of_stream(udx::Stream& raw, const std::string& reason);
  std::optional<std::string> open_farewell(MutableBytes message);
  void on_stalled();
  /// Why it is over, or about to be: for people, may be empty.
  std::string reason() const;

 private:
  // net::ByteStreamObserver, of the control stream and of the link
  void on_readable() override;
  /// The peer reads again what is said to it.
  void on_writable() override { on_readable(); }
  void on_reset(const std::string& reason) override;

  struct LinkObserver;

  std::unique_ptr<SessionStream> make_stream(std::uint64_t number);
  std::unique_ptr<SessionStream> make_stream(std::uint64_t number, const StreamKeys& keys);
  void read_control();
  bool on_message(const SessionMessage& message);
  bool on_peer_reset(const SessionMessage& message);
  void on_open(const SessionMessage& message);
  SessionStream* find_back(const SessionMessage& message) const;
  void say(const SessionMessage& message);
  void refuse(std::uint64_t number, const std::string& why);
  std::vector<SessionStream*> all_streams() const;
  bool is_carried(const SessionStream& stream) const;
  void set_carriers();
  void let_link_go();
  void on_link_over(const std::string& reason);
  void finish(ConnectError error, const std::string& reason);
  void hold_socket();
  void look_at_age();
  Extension answered(const SessionMessage& accepted) const;

  const PeerContext& context_;
  const noise::Session handshake_;
  const SessionId id_;
  std::optional<Extension> extension_;
  const bool passes_packets_;
  SessionObserver* observer_ = nullptr;

  PeerConnection* link_ = nullptr;
  std::unique_ptr<PeerSocket> own_link_;
  std::unique_ptr<LinkObserver> link_observer_;
  std::shared_ptr<PoolSocket> pool_socket_;  // outlives the link for the path's sake
  PathKind path_kind_ = PathKind::kDirect;
  const std::unique_ptr<udx::Path> path_;

  SessionPackets packets_;
  SessionCarrier carrier_;
  std::unordered_map<std::uint64_t, SessionStream*> streams_;  // by number
  std::unique_ptr<SessionStream> control_;
  std::unique_ptr<SessionStream> first_;  // until it is taken
  std::uint64_t next_own_ = 0;
  std::uint64_t next_theirs_ = 0;
  bool proven_ = false;  // the peer has shown that it has the keys
  bool over_ = false;
  std::string reason_;
  Instant heard_before_;  // by links that are gone
  std::uint64_t moves_ = 0;
  Timer age_timer_;
};

}  // namespace hsfwd::hyperdht
