// SPDX-License-Identifier: Apache-2.0
// An encrypted connection to a peer that is known by its public key: what connect() returns and a
// server's connection event brings.
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
#include "hyperdht/peer/large_frames.hpp"
#include "hyperdht/wire/messages.hpp"
#include "net/byte_stream.hpp"
#include "secret_stream/framing.hpp"
#include "secret_stream/unordered.hpp"

namespace hsfwd::hyperdht {

struct PeerContext;

/// Decides over the paths of a connection while it is being made and, if it is relayed, after that.
class PathController {
 public:
  virtual ~PathController() = default;
  /// A packet of the stream came in on another path than the one it is connected over.
  virtual void on_path(net::UdpSocket& socket, const net::Address& from) = 0;
  /// Everything sent over the path before is acknowledged.
  virtual void on_remote_changed() {}
  /// Of a server's socket: the client has shown that it has the keys, from where the path leads;
  /// see docs/protocol/forward.md, section 8.
  virtual void on_proven() {}
  /// The peer has left the path before, too; see udx::StreamObserver.
  virtual void on_path_proven() {}
  /// See udx::StreamObserver.
  virtual void on_stalled() {}
  /// The socket is closed or being destroyed; it is not to be touched any more.
  virtual void on_socket_gone() = 0;
};

class PeerSocket final : public net::BufferedByteStream, private udx::StreamObserver {
 public:
  PeerSocket(const PeerContext& context, const crypto::PublicKey& local, bool initiator);
  ~PeerSocket() override;
  PeerSocket(const PeerSocket&) = delete;
  PeerSocket& operator=(const PeerSocket&) = delete;

  const crypto::PublicKey& local_key() const { return local_; }
  const crypto::PublicKey& remote_key() const { return remote_; }
  bool initiator() const { return initiator_; }
  bool is_open() const { return sender_.has_value() && !closed_; }
  bool closed() const { return closed_; }
  ConnectError error() const { return error_; }
  /// What is known beyond the error's own sentence, such as the reason a peer gave; may be empty.
  const std::string& error_detail() const { return error_detail_; }
  PathKind path() const { return path_; }
  net::Address remote_address() const { return raw_->remote(); }
  /// Where the stream runs now; the socket lives as long as the stream uses it.
  net::UdpSocket* udp_socket() const { return raw_->socket(); }
  /// The peer's extension block; nothing for stock peers.
  const std::optional<Extension>& extension() const { return extension_; }
  const crypto::Hash64& handshake_hash() const { return hash_; }
  udx::StreamStats stats() const { return raw_->stats(); }

  // net::BufferedByteStream
  void set_observer(net::ByteStreamObserver* observer) override;
  net::ReadResult read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  void end() override;
  void reset() override;
  bool flushed() const override;
  MutableBytes reserve() override;
  void commit(std::size_t size) override;
  ByteView peek() override;
  void consume(std::size_t size) override;
  net::ReadState read_state() const override;
  /// The peer hears the reason if it is an hsfwd.
  void reset_because(const std::string& reason) override;
  void reset_behind(const std::string& reason) override;

  /// Called once: keys are agreed on and the stream runs. The stream observer's on_reset may come
  /// instead.
  void set_on_open(std::function<void()> on_open) { on_open_ = std::move(on_open); }
  /// Called when the connection has moved to another kind of path, path(), with nothing lost.
  void set_on_path_changed(std::function<void()> on_path_changed) {
    on_path_changed_ = std::move(on_path_changed);
  }
  /// Called for each unordered message, whose bytes end with the call.
  void set_on_message(std::function<void(ByteView)> on_message) {
    on_message_ = std::move(on_message);
  }
  /// None of these three is called any more; they stay, since one of them may be running.
  void silence() { silent_ = true; }
  /// One message for the peer, whole at its end, of any size the protocol allows, or of a record's
  /// where both are hsfwd. Taken in any case; who sends many asks room() first.
  void send_message(ByteView plaintext);
  std::size_t room() const { return is_open() ? raw_->send_room() : 0; }
  /// Sends an empty message, which every peer takes for a keepalive, and calls `done` with the time
  /// until it was acknowledged, repeats included; not at all if the connection ends before. One at a
  /// time: a further one replaces the one under way.
  void ping(std::function<void(Duration)> done);
  /// Beside the stream: may be lost, doubled, reordered. At most max_unordered() bytes.
  void send_unordered(ByteView plaintext);
  std::size_t max_unordered() const;

  Scheduler& scheduler() const;

  // --- For those who make connections ---
  udx::Stream& raw() { return *raw_; }
  void set_controller(PathController* controller) { controller_ = controller; }
  /// Keeps what makes the connection alive as long as the socket.
  void own_controller(std::unique_ptr<PathController> controller);
  /// The features that both sides have. Before open().
  void agree(std::uint64_t features) { features_ = features; }
  /// Joins the raw stream to a path and starts encrypting, with the result of the handshake.
  void open(const noise::Session& session, const std::optional<Extension>& extension,
            net::UdpSocket& socket, udx::StreamId remote_id, const net::Address& remote,
            PathKind path);
  void change_path(net::UdpSocket& socket, udx::StreamId remote_id, const net::Address& remote,
                   PathKind path);
  /// Both sides are hsfwd: the first record proves the client, who sends an empty one at once.
  void use_first_record() { first_record_ = true; }
  /// The peer has shown that it has the keys.
  bool proven() const { return proven_; }
  void set_remote_key(const crypto::PublicKey& key) { remote_ = key; }
  /// There is reason to doubt the path: unless the peer is heard of within seconds, the connection
  /// ends, with `reason`, so that its user can make another.
  void check_path(const char* reason);
  void ask_for_life(Duration interval);
  /// The connection cannot be made.
  void fail(ConnectError error, const char* detail = nullptr);

 private:
  struct Source {
    const net::UdpSocket* socket;
    net::Address address;
    bool operator==(const Source&) const = default;
  };

  // udx::StreamObserver
  bool accept_path(net::UdpSocket& socket, net::Address from) override;
  void on_data(std::span<const ByteView> chunks) override;
  void on_messages(std::span<const ByteView> messages) override;
  void on_end() override;
  void on_writable() override;
  void on_remote_changed() override;
  void on_path_proven() override;
  void on_stalled() override;
  void on_acknowledged() override;
  void on_no_memory() override;
  void on_closed(udx::CloseReason reason) override;

  bool has(std::uint64_t feature) const { return (features_ & feature) != 0; }
  bool speaks_for_peer(const Source& source);
  void end_raw();
  void cut();
  void feed(std::span<const ByteView> chunks);
  void receive_message(ByteView message);
  void tell_open();
  void settle();
  void fail_because(ConnectError error, const char* detail);
  void check_proof();
  void write_record(ByteView plaintext);
  void tell_readable();
  Bytes farewell(const std::string& reason);
  void reset_with(ByteView farewell);
  void leave();
  void close(ConnectError error);
  void tell_closed();
  void keep_alive();
  void on_path_check();
  void hold(net::UdpSocket& socket);

  const PeerContext& context_;
  const bool initiator_;
  const crypto::PublicKey local_;
  crypto::PublicKey remote_;
  crypto::Hash64 hash_;
  std::optional<Extension> extension_;
  PathKind path_ = PathKind::kDirect;
  ConnectError error_ = ConnectError::kNone;
  std::string error_detail_;
  bool closed_ = false;
  std::uint64_t features_ = 0;
  bool ended_ = false;
  bool raw_ended_ = false;  // by the peer, or so it seems
  bool remote_ended_ = false;
  bool finished_ = false;
  bool given_up_ = false;  // by who uses it, who hears no more
  bool silent_ = false;
  std::optional<std::string> leaving_;  // why it is reset when what was taken has arrived
  bool first_record_ = false;
  bool proven_ = false;

  std::shared_ptr<PoolSocket> pool_socket_;  // outlives the stream on it
  std::unique_ptr<udx::Stream> raw_;
  std::optional<secret_stream::Sender> sender_;
  std::optional<secret_stream::Receiver> receiver_;
  LargeFrames::Turn large_turn_;
  std::optional<secret_stream::Unordered> unordered_;
  MutableBytes reserved_;
  // Came in before the keys were known.
  Bytes early_;
  std::vector<Bytes> early_messages_;
  std::optional<udx::CloseReason> early_close_;
  std::optional<Source>
      other_source_;  // the peer sends from there rather than from where it is reached
  std::optional<Source> old_source_;  // the same, of the path before

  net::ByteStreamObserver* observer_ = nullptr;
  std::function<void()> on_open_;
  std::function<void()> on_path_changed_;
  std::function<void(ByteView)> on_message_;
  std::function<void(Duration)> on_pong_;
  Instant pinged_at_;
  PathController* controller_ = nullptr;
  std::unique_ptr<PathController> owned_controller_;
  Instant last_write_;
  Timer keepalive_timer_;
  std::optional<std::uint64_t> heard_before_check_;  // packets
  Instant path_check_until_;
  const char* path_check_reason_ = nullptr;
  Timer path_check_timer_;
  /// Behind the own end: packets so far, and when there was a new one.
  std::uint64_t heard_ = 0;
  Instant heard_at_;
  Task open_task_;
  Task path_task_;
  Task closed_task_;
  Task readable_task_;
};

}  // namespace hsfwd::hyperdht
