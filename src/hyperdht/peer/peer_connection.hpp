// SPDX-License-Identifier: Apache-2.0
// What there is between two peers, apart from the streams over it: keys, the path, messages beside
// the streams, and whether the peer is still there.
//
//   kConnecting ──► kOpen ──► kClosed
//        └──────────────────────┘
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hyperdht/nat/connect_error.hpp"
#include "hyperdht/nat/endpoint.hpp"
#include "hyperdht/nat/path_kind.hpp"
#include "hyperdht/peer/datagrams.hpp"
#include "hyperdht/peer/packet_lane.hpp"
#include "hyperdht/peer/path_check.hpp"
#include "hyperdht/peer/place_question.hpp"
#include "hyperdht/peer/secure_stream.hpp"
#include "hyperdht/wire/messages.hpp"

namespace hsfwd::hyperdht {

struct PeerContext;
class Session;

/// Whoever makes the path of a connection, until there is one that needs nobody.
class PathObserver {
 public:
  virtual ~PathObserver() = default;
  /// A packet of the peer's came in on another path than the one that is in use.
  virtual void on_path(net::UdpSocket& socket, const net::Address& from) = 0;
  /// Of a server's connection: the client has shown that it has the keys, from where the path leads;
  /// see docs/protocol/forward.md, section 8.
  virtual void on_proven() {}
  /// See udx::StreamObserver.
  virtual void on_stalled() {}
  /// The connection is closed or being destroyed; it is not to be touched any more.
  virtual void on_connection_over() = 0;
};

/// What carries a connection as long as it has no direct path: a blind relay. Belongs to the
/// connection.
class PathCarrier {
 public:
  virtual ~PathCarrier() = default;
  virtual void cancel() = 0;
  /// The connection has not begun to leave it.
  virtual bool carrying() const = 0;
  /// This is where packets come from that it passes on.
  virtual bool is_from_carrier(const net::UdpSocket& socket, const net::Address& from) const = 0;
  /// The connection sends directly from now on.
  virtual void on_leaving() = 0;
  /// See udx::StreamObserver.
  virtual void on_remote_changed() = 0;
  virtual void on_path_proven() = 0;
};

/// Where a connection leads.
struct PeerPath {
  net::UdpSocket& socket;
  net::Address remote;
  PathKind kind = PathKind::kDirect;
};

class PeerConnection : protected SecureStream::Connection {
 public:
  /// `stream` is its first, which lives as long.
  PeerConnection(const PeerContext& context, SecureStream& stream, const crypto::PublicKey& local,
                 const crypto::PublicKey& remote, bool initiator);
  ~PeerConnection() override;
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  const crypto::PublicKey& local_key() const { return local_; }
  const crypto::PublicKey& remote_key() const { return remote_; }
  bool initiator() const { return initiator_; }
  /// The connection's error is its first stream's; this is what is known beyond the error's own
  /// sentence, such as the reason a peer gave; may be empty.
  const std::string& error_detail() const { return error_detail_; }
  PathKind path() const { return path_; }
  net::Address remote_address() const { return stream_.raw().remote(); }
  /// Where it runs now; the socket lives as long as it is used.
  net::UdpSocket* udp_socket() const { return stream_.raw().socket(); }
  /// The peer's extension block; nothing for stock peers.
  const std::optional<Extension>& extension() const { return extension_; }
  const crypto::Hash64& handshake_hash() const { return hash_; }

  /// Called once: keys are agreed on and the stream runs. The stream observer's on_reset may come
  /// instead.
  void set_on_open(std::function<void()> on_open) { on_open_ = std::move(on_open); }
  /// Called when the connection has moved to another kind of path, path(), with nothing lost.
  void set_on_path_changed(std::function<void()> on_path_changed) {
    on_path_changed_ = std::move(on_path_changed);
  }
  /// Called for each of the application's messages beside the streams, whose bytes end with the call.
  void set_on_message(std::function<void(ByteView)> on_message) {
    on_message_ = std::move(on_message);
  }
  /// For IP packets or datagrams of UDP flows, which hsfwd peers may take. The first that come wait for one.
  void set_packet_observer(LaneObserver* observer);
  /// None of these four is called any more; the functions stay, since one of them may be running.
  void silence() {
    silent_ = true;
    set_packet_observer(nullptr);
  }
  /// Sends an empty message, which every peer takes for a keepalive, and calls `done` with the time
  /// until it was acknowledged, repeats included; not at all if the connection ends before. One at a
  /// time: a further one replaces the one under way.
  void ping(std::function<void(Duration)> done);
  /// Beside the streams: may be lost, doubled, reordered. At most max_unordered() bytes.
  void send_unordered(ByteView plaintext);
  std::size_t max_unordered() const;
  /// It is open, and both sides pass IP packets to each other.
  bool takes_packets() const { return has_lane() && lane_->has(Datagrams::Channel::kIp); }
  /// It is open, and both sides pass datagrams of UDP flows to each other, as packets.
  bool takes_datagrams() const { return has_lane() && lane_->has(Datagrams::Channel::kUdp); }
  /// Bytes of the largest packet that goes whole by now, 0 if none goes.
  std::size_t max_packet() const;
  /// The same of those that go in two parts.
  std::size_t max_in_parts() const { return has_lane() ? lane_->max_in_parts() : 0; }
  /// Packets, from the front, and how many were taken, none unless takes_packets() or takes_datagrams(). Ahead
  /// of each and behind it there is a tunnel's room (net/packet_tunnel.hpp), which is overwritten, as is the packet, once
  /// taken. Those larger than max_packet() go in two parts; those that are too large for that are dropped.
  /// Fewer than given: the observer is told when to try again.
  std::size_t send_packets(std::span<const MutableBytes> packets);
  /// A packet of any channel, for tests.
  void send_packet(secret_stream::PacketChannel channel, ByteView payload);

  // --- Of a session ---
  /// The session that this connection has begun; nullptr if the two sides have not agreed on one, or it is taken.
  std::shared_ptr<Session> take_session() { return std::move(begun_session_); }
  /// Both have agreed that it goes on with a session that there is.
  bool resumes() const { return has(Extension::kSessions) && has(Extension::kResume); }
  /// What the client of the session came for is a stream: a service's, or one with IP packets beside it.
  bool wants_stream() const {
    const bool service = initiator_ ? !has(Extension::kNoService) : extension_->wants_service();
    return service || packets_of_first() == Extension::kIpPackets;
  }
  /// Packets may travel beside the session's streams.
  bool passes_session_packets() const {
    return has(Extension::kSessions) && has(Extension::kSessionPackets);
  }
  /// Those that travel beside the stream that the client came for: Extension::kKindsOfPackets, or 0.
  std::uint64_t packets_of_first() const {
    return passes_session_packets() ? features_ & Extension::kKindsOfPackets : 0;
  }
  /// They are about to, so what the path carries matters.
  void probe_packet_size();
  /// Whose link it is, from now on.
  void set_session(Session* session);
  /// A packet that comes from there is the peer's, or may be.
  bool hears(net::UdpSocket& socket, net::Address from) { return accept_path(socket, from); }
  /// Asks whether the peer is at a place: the answer, from there, moves the connection, and its session, to it.
  void challenge(net::UdpSocket& socket, const net::Address& at);
  /// When something came that the peer has sealed, lastly, or the keys were agreed on.
  Instant heard_at() const { return heard_at_; }
  /// Smoothed, as far as it is known.
  Duration rtt() const { return stream_.raw().path().rtt().smoothed(); }
  /// Asks the client of the session to make another path.
  void ask_for_renewal();
  /// Ends the connection, and the session with it: what the peer then finds in session_end().
  void end_session(const std::string& reason);
  /// The peer has ended the session, and why.
  const std::optional<std::string>& session_end() const { return session_end_; }
  /// Packets of the session's streams, as send_packets() takes those of IP; what does not leave is lost.
  void send_carried(std::span<const MutableBytes> packets);
  /// Why another stream, `raw`, is reset: sent ahead, and to go with the reset.
  Bytes farewell_over(udx::Stream& raw, const std::string& reason);
  /// The reason that the peer has sealed; nothing if it has not, or it has come before.
  std::optional<std::string> open_farewell(MutableBytes message);

  // --- For those who make connections ---
  /// Nobody is owned by this: `observer` lives until on_connection_over, or lets go with nullptr.
  void set_path_observer(PathObserver* observer) { path_observer_ = observer; }
  /// The features that both sides have, and whether this side wants no service. Before open().
  void agree(std::uint64_t features) { features_ = features; }
  /// Both sides are hsfwd: the first record proves the client, who sends an empty one at once.
  void use_first_record() { first_record_ = true; }
  /// Joins the stream to a path and starts encrypting, with the result of the handshake.
  /// `remote_id`: the peer's stream.
  void open(const noise::Session& session, const std::optional<Extension>& extension,
            const PeerPath& path, udx::StreamId remote_id);
  /// The same, through a carrier, for which `leg` is the peer.
  void open_carried(const noise::Session& session, const std::optional<Extension>& extension,
                    std::unique_ptr<PathCarrier> carrier, const PeerPath& path, udx::StreamId leg,
                    udx::StreamId remote_id);
  bool carried() const { return carrier_ && carrier_->carrying(); }
  /// Moves to a direct path, away from what carries it; no effect if nothing does.
  void leave_carrier(const PeerPath& path);
  /// The peer has shown that it has the keys.
  bool proven() const { return proven_; }
  /// It is proven, and there still.
  bool established() const { return proven_ && stream_.is_open(); }
  /// There is reason to doubt the path: unless the peer is heard of within seconds, the connection
  /// ends, with `reason`, so that its user can make another.
  void check_path(const char* reason);
  /// The connection cannot be made, or be held.
  void fail(ConnectError error, const char* detail = nullptr);

 protected:
  /// The node knows of it as long as it is whole: once the stream is there, and before that is gone.
  void join_node();
  void leave_node();

 private:
  using Source = PlaceQuestion::Place;

  // SecureStream::Connection
  void on_stream_open() override;
  void on_stream_announced() override;
  void on_records(const secret_stream::Receiver& receiver) override;
  void on_stream_broken(const char* why) override;
  void on_stream_acknowledged() override;
  void on_stream_closed(ConnectError error, const std::string& detail) override;
  Bytes farewell(const std::string& reason) override;
  std::string why_closed() const override;
  bool accept_path(net::UdpSocket& socket, net::Address from) override;
  void on_stray_message(net::UdpSocket& socket, net::Address from, MutableBytes message) override;
  void on_messages(std::span<const MutableBytes> messages) override;
  void on_messages_writable() override;
  void on_max_message() override;
  void on_probe_wanted(std::uint32_t number, std::size_t size) override;
  void on_remote_changed() override;
  void on_path_proven() override;
  void on_stalled() override;

  using Channel = secret_stream::PacketChannel;

  bool has(std::uint64_t feature) const { return (features_ & feature) != 0; }
  bool has_lane() const { return lane_.has_value() && stream_.is_open(); }
  void make_lane();
  void begin(const noise::Session& session, const std::optional<Extension>& extension,
             const PeerPath& path, udx::StreamId remote_id);
  void begin_session(const noise::Session& session);
  bool speaks_for_peer(const Source& source);
  void receive(MutableBytes datagram);
  void receive_control(ByteView payload);
  bool receive_challenge(const Source& from, ByteView payload);
  void move(net::UdpSocket& socket, const net::Address& to);
  void receive_message(ByteView message);
  void count_drop(Errc error);
  void hold(net::UdpSocket& socket);

  const PeerContext& context_;
  SecureStream& stream_;
  const bool initiator_;
  const crypto::PublicKey local_;
  crypto::PublicKey remote_;
  crypto::Hash64 hash_;
  std::optional<Extension> extension_;
  std::uint64_t features_ = 0;
  std::string error_detail_;
  bool first_record_ = false;
  bool proven_ = false;
  Instant heard_at_;
  std::uint64_t records_ = 0;  // of the peer's, so far

  // The path
  PathKind path_ = PathKind::kDirect;
  std::shared_ptr<PoolSocket> pool_socket_;  // outlives the stream on it
  // The peer sends from there rather than from where it is reached, now and on the path before.
  std::optional<Source> other_source_;
  std::optional<Source> old_source_;
  std::unique_ptr<PathCarrier> carrier_;
  udx::StreamId direct_id_;  // the peer's stream, as it is called without the carrier
  PathObserver* path_observer_ = nullptr;
  Keepalive keepalive_;
  PathCheck path_check_;

  // Beside the streams
  std::optional<Datagrams> datagrams_;  // once there are keys
  std::vector<Bytes> early_datagrams_;  // until then
  bool announced_ = false;
  std::vector<Bytes> early_messages_;  // until announced
  std::optional<PacketLane> lane_;
  LaneObserver* packet_observer_ = nullptr;

  // The session's, while it has one
  std::shared_ptr<Session> begun_session_;
  Session* session_ = nullptr;
  std::optional<PacketLane> carried_;
  bool ending_session_ = false;
  std::optional<std::string> session_end_;
  PlaceQuestion question_;

  std::function<void()> on_open_;
  std::function<void()> on_path_changed_;
  std::function<void(ByteView)> on_message_;
  bool silent_ = false;
  std::function<void(Duration)> on_pong_;
  Instant pinged_at_;
  Task path_task_;
};

}  // namespace hsfwd::hyperdht
