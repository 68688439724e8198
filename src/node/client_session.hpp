// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hyperdht/dht.hpp"
#include "hyperdht/peer/session.hpp"
#include "node/peer_info.hpp"
#include "node/session_record.hpp"

namespace hsfwd {

/// A session that this node has begun, on its way from path to path.
///
///   quiet ──► doubted ──► dialling ──► quiet, over another link
///     ▲          │            │ ▲
///     └──────────┴─ heard ────┘ └── resting, after each dial that failed
class ClientSession final : private hyperdht::SessionObserver, private net::ByteStreamObserver {
 public:
  /// `over` is called once; it may retire this object. `back`: the peer is heard again, so who waits for it elsewhere
  /// need not. `anew`: the peer has forgotten the session, and begun another over the connection that was to carry this
  /// one on.
  struct Callbacks {
    std::function<void()> over;
    std::function<void()> back;
    std::function<void(std::shared_ptr<hyperdht::Session>, std::unique_ptr<hyperdht::PeerSocket>)>
        anew;
  };

  /// `options` are those of the connection that began it, `record` is the session's.
  ClientSession(hyperdht::Dht& dht, hyperdht::ConnectOptions options, Duration patience,
                std::shared_ptr<SessionRecord> record, std::unique_ptr<hyperdht::PeerSocket> link,
                Callbacks callbacks);
  ~ClientSession() override;

  hyperdht::Session& session() { return *session_; }
  const std::shared_ptr<SessionRecord>& record() const { return record_; }
  /// The peer could not be found again so far: who comes new had better ask for itself.
  bool lost() const {
    return !session_->linked() || (lost_at_ && session_->heard_at() < *lost_at_);
  }
  /// Something has happened that may have cost it its path.
  void on_network_change();
  void cancel();

 private:
  // hyperdht::SessionObserver
  Result<Extension, std::string> on_stream_wanted(const Extension& wanted) override;
  void on_stream(std::unique_ptr<hyperdht::SessionStream>) override {}
  void on_idle() override;
  void on_path_doubtful() override;
  void on_path_old() override;
  void on_session_over(const std::string& reason) override;
  // net::ByteStreamObserver, of the link that is dialled
  void on_readable() override {}
  void on_writable() override {}
  void on_reset(const std::string& reason) override;

  bool heard() const { return session_->linked() && session_->heard_at() > asked_at_; }
  void calm_down();
  void watch();
  void look_whether_back();
  void give_up();
  void tell_of_silence();
  void on_dial_failed(ConnectError error);
  void ask();
  void on_asked();
  void dial();
  void begin_dial();
  void on_dialled();
  void stop_dialling();
  void stop();

  hyperdht::Dht& dht_;
  Scheduler& scheduler_;
  hyperdht::ConnectOptions options_;
  const Duration patience_;
  const std::shared_ptr<SessionRecord> record_;
  const std::shared_ptr<hyperdht::Session> session_;
  const Callbacks callbacks_;
  Instant asked_at_;
  Duration rest_;
  std::optional<Instant> lost_at_;  // a dial failed
  std::optional<Instant> doubted_at_;
  bool told_ = false;      // that it is waited for
  bool answered_ = false;  // the peer, to the dial
  bool renewing_ = false;  // the dial is for a path beside one that works
  Instant next_renewal_;
  Duration renewal_rest_;  // after one that brings nothing
  std::unique_ptr<hyperdht::PeerSocket> dialled_;
  Timer ask_timer_;
  Timer dial_timer_;
  Timer answer_timer_;
  Instant dialled_at_;
  Timer watch_timer_;
  Timer idle_timer_;
};

}  // namespace hsfwd
