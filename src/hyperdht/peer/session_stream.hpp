// SPDX-License-Identifier: Apache-2.0
// A stream of a session: records over a UDX stream of its own, with keys that follow from the session's
// handshake. It outlives the path, and waits while there is none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hyperdht/peer/packet_lane.hpp"
#include "hyperdht/peer/secure_stream.hpp"
#include "hyperdht/peer/stream_keys.hpp"
#include "hyperdht/wire/extension.hpp"

namespace hsfwd::hyperdht {

class Session;

/// What belongs to the session, and therefore goes after the stream.
class SessionPart : protected SecureStream::Connection {
 protected:
  explicit SessionPart(Session& session) : session_(session) {}

  Session& session_;
  std::shared_ptr<Session> keeps_;  // the session, unless this is a part of it
};

class SessionStream final : public SessionPart, public SecureStream {
 public:
  /// `keys` are those of stream `number`; its local id must be free.
  SessionStream(Session& session, std::uint64_t number, const StreamKeys& keys,
                const udx::StreamOptions& options);
  ~SessionStream() override;

  std::uint64_t number() const { return number_; }
  Session& session() const { return session_; }
  bool is_control() const { return number_ == 0; }
  /// Whoever has it keeps the session alive.
  void keep(std::shared_ptr<Session> session) { keeps_ = std::move(session); }
  /// What the peer said when it opened the stream, or answered.
  const std::optional<Extension>& extension() const { return extension_; }
  /// The peer has agreed to it. Bytes leave before that, and what comes ahead of it waits until on_open has been told.
  bool accepted() const { return extension_.has_value(); }

  /// Called once it is accepted. The observer's on_reset may come instead.
  void set_on_open(std::function<void()> on_open);
  /// Called when the session has moved to another path, with nothing lost.
  void set_on_path_changed(std::function<void()> on_path_changed) {
    on_path_changed_ = std::move(on_path_changed);
  }
  /// The peer may open streams back to this one, of this side's numbers; each goes to `on_back`, open.
  void set_on_back(std::function<void(std::unique_ptr<SessionStream>)> on_back) {
    on_back_ = std::move(on_back);
  }
  /// See PeerConnection::ping.
  void ping(std::function<void(Duration)> done);
  /// None of these functions is called any more; they stay, since one of them may be running.
  void silence() {
    silent_ = true;
    set_packet_observer(nullptr);
  }

  // net::BufferedByteStream
  ByteView peek() override { return waits_for_open() ? ByteView() : SecureStream::peek(); }
  net::ReadState read_state() const override {
    return waits_for_open() ? net::ReadState::kBlocked : SecureStream::read_state();
  }

  // --- Packets beside it: see PeerConnection ---
  bool takes_packets() const { return passes(Extension::kIpPackets); }
  bool takes_datagrams() const { return passes(Extension::kUdpFlows); }
  /// 0 while there is no link, as well.
  std::size_t max_packet() const;
  std::size_t max_in_parts() const;
  std::size_t send_packets(std::span<const MutableBytes> packets);
  void set_packet_observer(LaneObserver* observer);

  // --- For the session ---
  /// Packets of that kind, Extension::kKindsOfPackets, are to travel beside it. Before it is accepted.
  void want_packets(std::uint64_t kind);
  /// What says whose a packet is.
  ByteView packet_prefix() const { return packet_prefix_; }
  /// Who takes what comes has not said so yet.
  bool awaits_packet_user() const {
    const bool knows = accepted() && packets_observed_ && (told_open_ || !on_open_);
    return packets_ != 0 && !knows && !silent_ && !closed();
  }
  /// Nobody unless packets are agreed on.
  LaneObserver* packet_observer() const { return packets_ != 0 ? packet_observer_ : nullptr; }
  void accept(Extension extension);
  void refuse(const std::string& why);
  void fail(ConnectError error, const std::string& detail);
  /// The peer has given it up.
  void on_peer_reset(const std::string& why);
  void tell_path_changed();
  bool takes_back() const { return on_back_ && !silent_ && !closed(); }
  void take_back(std::unique_ptr<SessionStream> stream) { on_back_(std::move(stream)); }

 private:
  // SecureStream::Connection
  void on_stream_open() override;
  void on_stream_announced() override {}
  void on_records(const secret_stream::Receiver&) override {}
  void on_stream_broken(const char* why) override;
  void on_stream_acknowledged() override;
  void on_stream_closed(ConnectError error, const std::string& detail) override;
  Bytes farewell(const std::string& reason) override;
  std::string why_closed() const override;
  bool accept_path(net::UdpSocket& socket, net::Address from) override;
  void on_messages(std::span<const MutableBytes> messages) override;
  void on_messages_writable() override {}
  void on_max_message() override {}
  void on_probe_wanted(std::uint32_t, std::size_t) override {}
  void on_remote_changed() override {}
  void on_path_proven() override {}
  void on_stalled() override;

  void tell_open();
  /// The word that accepts it comes by another stream, in a batch behind what the peer has sent on this one, and with
  /// losses behind its end. Where it does not come, whoever waits for it hears of a reset, unless all was over by then.
  bool waits_for_open() const {
    return !is_control() && !lost_word_ && (!accepted() || (on_open_ && !told_open_));
  }
  bool passes(std::uint64_t kind) const {
    return (packets_ & kind) != 0 && accepted() && is_open();
  }
  void look_for_early();
  void deliver_early();

  const std::uint64_t number_;
  std::optional<Extension> extension_;
  std::string detail_;
  std::function<void()> on_open_;
  std::function<void()> on_path_changed_;
  std::function<void(std::unique_ptr<SessionStream>)> on_back_;
  std::function<void(Duration)> on_pong_;
  Instant pinged_at_;
  bool told_open_ = false;
  bool lost_word_ = false;  // it was over in order before it was accepted, and its end is told
  bool silent_ = false;
  bool peer_knows_ = false;  // that it is over
  Task open_told_task_;

  std::uint64_t packets_ = 0;  // those that are wanted, then those that are agreed on
  Bytes packet_prefix_;
  LaneObserver* packet_observer_ = nullptr;
  bool packets_observed_ = false;  // there has been an observer
  Task early_task_;
};

}  // namespace hsfwd::hyperdht
