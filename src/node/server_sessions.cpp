// SPDX-License-Identifier: Apache-2.0
#include "node/server_sessions.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "node/session_peer.hpp"

namespace hsfwd {

namespace {
// Clients end what they do not use long before that.
constexpr Duration kUnused = Duration::seconds(300);
// As long as a handshake may take to become a connection, over a relay.
constexpr Duration kPromised = 15_s;
constexpr std::size_t kMaxPromises = 1024;
}  // namespace

class ServerSessions::ServerSession final : private hyperdht::SessionObserver {
 public:
  ServerSession(ServerSessions& owner, std::shared_ptr<hyperdht::Session> session)
      : owner_(owner),
        record_(owner.records_.add(session)),
        session_(std::move(session)),
        silent_timer_(owner.scheduler_,
                      [this] { session_->end("the other side was not heard of for too long"); }),
        unused_timer_(owner.scheduler_, [this] {
          if (session_->streams() == 0) session_->end("it has not been used for a while");
        }) {
    unused_timer_.start(kUnused);
  }
  ~ServerSession() override { cancel(); }

  void start(std::unique_ptr<hyperdht::PeerSocket> link) {
    session_->start(std::move(link), *this);
  }
  void cancel() {
    silent_timer_.stop();
    unused_timer_.stop();
    // Connections outlive the server that they came by.
    session_->abandon();
    if (session_->streams() == 0) session_->end("the other side has ended");
  }
  void adopt(std::unique_ptr<hyperdht::PeerSocket> link) {
    silent_timer_.stop();
    session_->adopt(std::move(link));
  }
  hyperdht::Session& session() const { return *session_; }
  bool is(const PublicKey& client, ByteView id) const {
    return !session_->over() && session_->remote_key() == client &&
           equal(session_->id().view(), id);
  }

 private:
  // hyperdht::SessionObserver
  Result<Extension, std::string> on_stream_wanted(const Extension& wanted) override {
    const PublicKey& client = session_->remote_key();
    const auto& allow = owner_.callbacks_.allow;
    // The rules may be others by now than when the session began.
    if (allow && !allow({client, session_->remote_address(), wanted})) {
      return Err(std::string("your key is not let in any more"));
    }
    auto answer = owner_.callbacks_.extension(client, wanted);
    if (!answer) return Err(std::string("it has no services"));
    const bool udp = wanted.has_udp_flows();
    if (answer->has_udp_flows() && !udp) return Err("service " + answer->service + " is UDP");
    return std::move(*answer);
  }
  void on_stream(std::unique_ptr<hyperdht::SessionStream> stream) override {
    owner_.callbacks_.on_stream(make_stream(std::move(stream), record_));
  }
  void on_idle() override { unused_timer_.start(kUnused); }
  void on_path_doubtful() override {
    record_->on_unanswered();
    if (session_->linked() || silent_timer_.armed()) return;
    record_->on_error("the connection to the other side is lost");
    if (owner_.patience_ <= Duration() || session_->streams() == 0) {
      return session_->end("the connection to the other side is lost");
    }
    silent_timer_.start(owner_.patience_);
  }
  void on_session_over(const std::string&) override { owner_.sessions_.retire(*this); }

  ServerSessions& owner_;
  const std::shared_ptr<SessionRecord> record_;
  const std::shared_ptr<hyperdht::Session> session_;
  Timer silent_timer_;
  Timer unused_timer_;
};

ServerSessions::ServerSessions(Scheduler& scheduler, SessionRecords& records, Duration patience,
                               Callbacks callbacks)
    : scheduler_(scheduler),
      records_(records),
      patience_(patience),
      callbacks_(std::move(callbacks)),
      sessions_(scheduler) {}

ServerSessions::~ServerSessions() = default;

void ServerSessions::cancel() {
  sessions_.retire_all();
}

ServerSessions::ServerSession* ServerSessions::find(const PublicKey& client, ByteView id) {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& session) { return session->is(client, id); });
  return found != sessions_.end() ? found->get() : nullptr;
}

bool ServerSessions::has_room(const PublicKey& client) {
  std::erase_if(promises_, [&](const Promise& one) { return one.until <= scheduler_.now(); });
  const auto of_client =
      std::count_if(sessions_.begin(), sessions_.end(),
                    [&](const auto& other) { return other->session().remote_key() == client; }) +
      std::count_if(promises_.begin(), promises_.end(),
                    [&](const Promise& one) { return one.client == client; });
  // What others were promised may come of handshakes that nobody can go on with.
  return sessions_.size() < kMaxSessions && static_cast<std::size_t>(of_client) < kMaxOfClient;
}

std::optional<Extension> ServerSessions::answer(const PublicKey& client,
                                                const std::optional<Extension>& block) {
  auto out = callbacks_.extension(client, block);
  if (!out || !block || !block->wants_session()) return out;
  // Who knows of no packets in sessions gets a connection for them, as does who is to have none.
  const std::uint64_t packets = block->features & Extension::kKindsOfPackets;
  const bool passed = block->wants_session_packets() && (packets & ~out->features) == 0;
  if (packets != 0 && !passed) return out;
  const bool resumes = (block->features & Extension::kResume) != 0;
  if (resumes && find(client, block->resume) != nullptr) {
    out->features |= Extension::kSessions | Extension::kResume;
  } else if (has_room(client)) {
    out->features |= Extension::kSessions;
    if (promises_.size() >= kMaxPromises) promises_.erase(promises_.begin());
    promises_.push_back({client, scheduler_.now() + kPromised});
  }
  if (out->wants_session()) out->features |= Extension::kSessionPackets;
  return out;
}

bool ServerSessions::take(std::unique_ptr<hyperdht::PeerSocket>& socket) {
  if (socket->resumes()) {
    ServerSession* const session = find(socket->remote_key(), socket->extension()->resume);
    if (session != nullptr) {
      session->adopt(std::move(socket));
    } else {
      // It was there when the handshake came.
      socket->reset_because("the session is over");
      socket.reset();
    }
    return true;
  }
  auto session = socket->take_session();
  if (!session) return false;
  const auto promise = std::find_if(promises_.begin(), promises_.end(), [&](const Promise& one) {
    return one.client == socket->remote_key();
  });
  if (promise != promises_.end()) promises_.erase(promise);
  if (sessions_.size() >= kMaxSessions) {
    socket->end_session("too many sessions at once");
    scheduler_.delete_later(std::move(socket));
    return true;
  }
  ServerSession& added = sessions_.emplace(*this, std::move(session));
  added.start(std::move(socket));
  return true;
}

}  // namespace hsfwd
