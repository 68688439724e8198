// SPDX-License-Identifier: Apache-2.0
// One stream of a peer connection: records, sealed and opened in place, over a UDX stream of its own.
//
//   kWaiting ──► kOpen ──► kFinished
//      └───────────┴─────► kBroken
//
// - kWaiting: for the keys. What comes in is kept.
// - kOpen: each direction ends by itself.
// - kFinished: both have ended, and everything has arrived.
// - kBroken: it ended in any other way; error() says which.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hyperdht/nat/connect_error.hpp"
#include "hyperdht/peer/large_frames.hpp"
#include "net/byte_stream.hpp"
#include "secret_stream/framing.hpp"
#include "udx/stream.hpp"

namespace hsfwd::hyperdht {

struct PeerContext;

class SecureStream : public net::BufferedByteStream, private udx::StreamObserver {
 public:
  /// The connection that the stream belongs to. Events come as udx::StreamObserver says.
  class Connection {
   public:
    virtual ~Connection() = default;
    /// The stream has its keys: comes before any event of what arrives.
    virtual void on_stream_open() = 0;
    /// The observer has heard of it, too.
    virtual void on_stream_announced() = 0;
    /// Records have come in and are authentic.
    virtual void on_records(const secret_stream::Receiver& receiver) = 0;
    /// What came in makes no sense; the connection is to end. `why` is for the peer; nullptr: nothing.
    virtual void on_stream_broken(const char* why) = 0;
    /// All that was written has arrived, see udx::Stream::tell_acknowledged.
    virtual void on_stream_acknowledged() = 0;
    /// The last event. `detail`: what is known beyond the error's own sentence.
    virtual void on_stream_closed(ConnectError error, const std::string& detail) = 0;
    /// What tells the peer why the stream is reset, sent ahead as well; empty if it would not
    /// understand.
    virtual Bytes farewell(const std::string& reason) = 0;
    /// Why the stream is closed, for people.
    virtual std::string why_closed() const = 0;

    // Of the path, and of what travels beside the streams.
    virtual bool accept_path(net::UdpSocket& socket, net::Address from) = 0;
    virtual void on_stray_message(net::UdpSocket& socket, net::Address from, MutableBytes message) {
      static_cast<void>(socket);
      static_cast<void>(from);
      static_cast<void>(message);
    }
    virtual void on_messages(std::span<const MutableBytes> messages) = 0;
    virtual void on_messages_writable() = 0;
    virtual void on_max_message() = 0;
    virtual void on_probe_wanted(std::uint32_t number, std::size_t size) = 0;
    virtual void on_remote_changed() = 0;
    virtual void on_path_proven() = 0;
    virtual void on_stalled() = 0;
  };

  /// What the handshake says about records.
  struct Terms {
    bool hsfwd = false;         // the peer's records are no larger than ours
    bool sealed_end = false;    // the end is a record, too
    bool first_record = false;  // an empty record is the first thing to be sent
  };

  SecureStream(const PeerContext& context, Connection& connection);
  /// On a path that it shares with others, under an id that is free.
  SecureStream(const PeerContext& context, Connection& connection, udx::Path& path,
               udx::StreamId id, const udx::StreamOptions& options);

  bool is_open() const { return state_ == State::kOpen; }
  /// Finished or broken.
  bool closed() const { return state_ == State::kFinished || state_ == State::kBroken; }
  ConnectError error() const { return error_; }
  /// Who uses it has reset it, and hears no more.
  bool given_up() const { return given_up_; }
  udx::StreamStats stats() const { return raw_->stats(); }
  Scheduler& scheduler() const;

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

  /// One message for the peer, whole at its end, of any size the protocol allows, or of a record's
  /// where both are hsfwd. Taken in any case; who sends many asks room() first.
  void send_message(ByteView plaintext);
  std::size_t room() const { return is_open() ? raw_->send_room() : 0; }
  /// See udx::Stream.
  void set_max_unsent(std::size_t bytes) { raw_->set_max_unsent(bytes); }

  // --- For the connection, and who makes it ---
  udx::Stream& raw() { return *raw_; }
  const udx::Stream& raw() const { return *raw_; }
  /// Has its keys and a path from now on. begin(), deliver_early() and deliver_early_end() must follow.
  void set_keys(const noise::Session& session, const Terms& terms, net::UdpSocket& socket,
                udx::StreamId remote_id, const net::Address& remote);
  /// The first words.
  void begin();
  /// What came in before the keys were known.
  void deliver_early();
  void deliver_early_end();
  /// Ends it at once since the peer is gone, which is no failure if it has said and heard all.
  void let_go(ConnectError error, const std::string& detail);
  /// Ends it at once, without a word.
  void abort(ConnectError error, const std::string& detail);
  /// When this direction was ended.
  std::optional<Instant> ended_at() const { return ended_at_; }
  /// It will be reset once everything has arrived.
  bool leaving() const { return leaving_.has_value(); }
  Instant last_write() const { return last_write_; }

 protected:
  /// Tells the observer soon of what there is to read.
  void look_again();

 private:
  enum class State { kWaiting, kOpen, kFinished, kBroken };

  // udx::StreamObserver
  bool accept_path(net::UdpSocket& socket, net::Address from) override;
  void on_stray_message(net::UdpSocket& socket, net::Address from, MutableBytes message) override;
  void on_data(std::span<const ByteView> chunks) override;
  void on_messages(std::span<const MutableBytes> messages) override;
  void on_messages_writable() override;
  void on_max_message() override;
  void on_probe_wanted(std::uint32_t number, std::size_t size) override;
  void on_end() override;
  void on_writable() override;
  void on_remote_changed() override;
  void on_path_proven() override;
  void on_stalled() override;
  void on_acknowledged() override;
  void on_no_memory() override;
  void on_closed(udx::CloseReason reason) override;

  SecureStream(const PeerContext& context, Connection& connection,
               const std::function<std::unique_ptr<udx::Stream>(udx::StreamObserver&)>& make_raw);
  void feed(std::span<const ByteView> chunks);
  void settle();
  void write_record(ByteView plaintext);
  void end_raw();
  void cut();
  void tell_open();
  void tell_readable();
  void tell_closed();
  void reset_with(ByteView farewell);
  void leave();
  void close(State state, ConnectError error, const std::string& detail = {});

  const PeerContext& context_;
  Connection& connection_;
  State state_ = State::kWaiting;
  ConnectError error_ = ConnectError::kNone;
  Terms terms_;
  std::unique_ptr<udx::Stream> raw_;
  std::optional<secret_stream::Sender> sender_;
  std::optional<secret_stream::Receiver> receiver_;
  LargeFrames::Turn large_turn_;
  MutableBytes reserved_;
  Instant last_write_;
  std::optional<Instant> ended_at_;
  bool raw_ended_ = false;  // by the peer, or so it seems
  bool remote_ended_ = false;
  bool given_up_ = false;               // by who uses it, who hears no more
  std::optional<std::string> leaving_;  // why it is reset when what was taken has arrived
  // Came in before the keys were known.
  Bytes early_;
  std::optional<udx::CloseReason> early_close_;

  net::ByteStreamObserver* observer_ = nullptr;
  Task open_task_;
  Task closed_task_;
  Task readable_task_;
};

}  // namespace hsfwd::hyperdht
