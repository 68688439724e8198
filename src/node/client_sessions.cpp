// SPDX-License-Identifier: Apache-2.0
#include "node/client_sessions.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "node/internals.hpp"
#include "node/session_peer.hpp"

namespace hsfwd {

namespace {
// Peers of which it is remembered that each connection to them is one of its own.
constexpr std::size_t kMaxPlain = 1024;
}  // namespace

/// A connection under way, and who waits to hear what it is good for. The first of them named the service.
class ClientSessions::Dial final : public net::ByteStreamObserver {
 public:
  Dial(ClientSessions& owner, const Pair& pair, Waiting first)
      : owner_(owner),
        scheduler_(owner.scheduler_),
        pair_(pair),
        options_(first.options),
        asked_for_(first.stream) {
    waiting_.push_back(std::move(first));
    options_.extension->features |= Extension::kSessions | Extension::kSessionPackets;
    socket_ = owner.dht_.connect(pair.remote, options_);
    socket_->set_observer(this);
    socket_->set_on_open([this] { owner_.on_dialled(*this); });
  }
  ~Dial() override { cancel(); }

  void cancel() {
    for (const Waiting& waiting : std::exchange(waiting_, {})) {
      waiting.stream->fail(ConnectError::kReset, "the node is being stopped");
    }
    scheduler_.retire(std::move(socket_));
  }

  const Pair& pair() const { return pair_; }
  const hyperdht::ConnectOptions& options() const { return options_; }
  hyperdht::PeerSocket& socket() { return *socket_; }
  std::unique_ptr<hyperdht::PeerSocket> take_socket() {
    socket_->set_observer(nullptr);
    return std::move(socket_);
  }
  /// The one that it was dialled for, unless that has gone.
  PendingStream* take_asked() {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [this](const Waiting& w) { return w.stream == asked_for_; });
    if (found == waiting_.end()) return nullptr;
    PendingStream* const out = found->stream;
    waiting_.erase(found);
    return out;
  }
  /// One after the other, since each may take others away when it is told. Without `packets` those that want some stay.
  std::optional<Waiting> take_next(bool packets = true) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) {
      return packets || (w.options.extension->features & Extension::kKindsOfPackets) == 0;
    });
    if (found == waiting_.end()) return std::nullopt;
    Waiting out = std::move(*found);
    waiting_.erase(found);
    return out;
  }

  void add(Waiting waiting) { waiting_.push_back(std::move(waiting)); }
  /// False if it was not there.
  bool remove(const PendingStream& stream) {
    if (asked_for_ == &stream) asked_for_ = nullptr;
    return std::erase_if(waiting_, [&](const Waiting& w) { return w.stream == &stream; }) > 0;
  }
  bool unwanted() const { return waiting_.empty() && socket_ != nullptr; }

 private:
  void on_readable() override {}
  void on_writable() override {}
  void on_reset(const std::string& reason) override { owner_.on_failed(*this, reason); }

  ClientSessions& owner_;
  Scheduler& scheduler_;  // outlives the owner, as this may when it is retired
  const Pair pair_;
  hyperdht::ConnectOptions options_;
  const PendingStream* asked_for_;
  std::vector<Waiting> waiting_;
  std::unique_ptr<hyperdht::PeerSocket> socket_;
};

struct ClientSessions::Entry {
  Entry(ClientSessions& owner, const Pair& p, const hyperdht::ConnectOptions& options,
        std::shared_ptr<SessionRecord> record, std::unique_ptr<hyperdht::PeerSocket> link)
      : pair(p),
        session(owner.dht_, options, owner.patience_, std::move(record), std::move(link),
                {.over = [this, &owner] { owner.sessions_.retire(*this); },
                 .back = [this, &owner] { owner.on_back(*this); },
                 .anew =
                     [&owner, p, options](std::shared_ptr<hyperdht::Session> other,
                                          std::unique_ptr<hyperdht::PeerSocket> other_link) {
                       owner.add(p, options, std::move(other), std::move(other_link));
                     }}) {}
  void cancel() { session.cancel(); }

  const Pair pair;
  ClientSession session;
};

ClientSessions::ClientSessions(hyperdht::Dht& dht, SessionRecords& records, Duration patience)
    : dht_(dht),
      scheduler_(dht.env().scheduler),
      records_(records),
      patience_(patience),
      dials_(scheduler_),
      sessions_(scheduler_),
      plain_(kMaxPlain) {}

ClientSessions::~ClientSessions() = default;

std::unique_ptr<PeerStream> ClientSessions::connect(const PublicKey& key,
                                                    hyperdht::ConnectOptions options) {
  const KeyPair& own = options.key_pair ? *options.key_pair : dht_.options().key_pair;
  const Pair pair{own.public_key, key};
  PendingStream::Finder& finder = *this;
  auto stream = std::make_unique<PendingStream>(scheduler_, key, finder);
  const auto under_way = std::find_if(dials_.begin(), dials_.end(),
                                      [&](const auto& dial) { return dial->pair() == pair; });
  if (const auto session = current(pair)) {
    join(session, pair, {stream.get(), std::move(options)});
  } else if (under_way != dials_.end() && !plain_.contains(pair)) {
    (*under_way)->add({stream.get(), std::move(options)});
  } else {
    dial(pair, {stream.get(), std::move(options)});
  }
  return stream;
}

/// The newest that can take another stream.
std::shared_ptr<SessionRecord> ClientSessions::current(const Pair& pair) {
  std::shared_ptr<SessionRecord> out;
  for (const auto& entry : sessions_) {
    const bool usable = !entry->session.session().over() && !entry->session.lost();
    if (entry->pair == pair && usable) out = entry->session.record();
  }
  return out;
}

/// A peer whose sessions pass no packets gets a connection for them.
void ClientSessions::join(const std::shared_ptr<SessionRecord>& to, const Pair& pair,
                          Waiting waiting) {
  const Extension& wanted = *waiting.options.extension;
  const std::uint64_t packets = wanted.features & Extension::kKindsOfPackets;
  if (packets != 0 && !to->session().passes_packets()) return dial(pair, std::move(waiting));
  auto opened = to->session().open(wanted.service, packets);
  if (opened) {
    waiting.stream->join(make_stream(std::move(*opened), to), false);
  } else {
    waiting.stream->fail(ConnectError::kReset, opened.error());
  }
}

void ClientSessions::dial(const Pair& pair, Waiting waiting) {
  dials_.emplace(*this, pair, std::move(waiting));
}

std::shared_ptr<SessionRecord> ClientSessions::add(const Pair& pair,
                                                   const hyperdht::ConnectOptions& options,
                                                   std::shared_ptr<hyperdht::Session> session,
                                                   std::unique_ptr<hyperdht::PeerSocket> link) {
  std::shared_ptr<SessionRecord> record = records_.add(std::move(session));
  sessions_.emplace(*this, pair, options, record, std::move(link));
  return record;
}

void ClientSessions::on_dialled(Dial& dial) {
  const Pair pair = dial.pair();
  PendingStream* const asked = dial.take_asked();
  std::unique_ptr<hyperdht::PeerSocket> socket = dial.take_socket();
  if (const auto session = socket->take_session()) {
    plain_.erase(pair);
    const auto record = add(pair, dial.options(), session, std::move(socket));
    auto stream = session->take_first();
    if (asked != nullptr && !stream) asked->fail(ConnectError::kReset, "no id for a stream");
    // Nobody's any more: it goes, and the peer is told.
    if (asked != nullptr && stream) asked->join(make_stream(std::move(stream), record), false);
    while (auto next = dial.take_next()) join(record, pair, std::move(*next));
  } else {
    // An older one has no sessions with packets, and others all the same.
    const bool packets = (dial.options().extension->features & Extension::kKindsOfPackets) != 0;
    if (!packets) plain_.note(pair) = true;
    if (asked != nullptr) {
      asked->join(make_stream(std::move(socket)), true);
    } else {
      scheduler_.retire(std::move(socket));
    }
    while (auto next = dial.take_next()) this->dial(pair, std::move(*next));
  }
  dials_.retire(dial);
}

void ClientSessions::on_failed(Dial& dial, const std::string& reason) {
  const ConnectError error = dial.socket().error();
  while (const auto next = dial.take_next()) next->stream->fail(error, reason);
  dials_.retire(dial);
}

/// Who came meanwhile has dialled by itself, or waits for who does. As many as the session takes.
void ClientSessions::on_back(const Entry& entry) {
  const Pair pair = entry.pair;
  const auto record = entry.session.record();
  const bool packets = record->session().passes_packets();
  std::vector<Dial*> dials;
  for (const auto& dial : dials_) {
    if (dial->pair() == pair) dials.push_back(dial.get());
  }
  for (Dial* const dial : dials) {
    const auto takes_more = [&] {
      const hyperdht::Session& session = record->session();
      return !session.over() && session.streams() < hyperdht::Session::kMaxStreams;
    };
    while (takes_more()) {
      auto next = dial->take_next(packets);
      if (!next) break;
      join(record, pair, std::move(*next));
    }
    if (dial->unwanted()) dials_.retire(*dial);
  }
}

void ClientSessions::on_unwanted(PendingStream& stream) {
  for (const auto& dial : dials_) {
    if (!dial->remove(stream)) continue;
    if (dial->unwanted()) dials_.retire(*dial);
    return;
  }
}

void ClientSessions::on_network_change() {
  // Some may end, and leave the list.
  std::vector<ClientSession*> sessions;
  for (const auto& entry : sessions_) sessions.push_back(&entry->session);
  for (ClientSession* const session : sessions) session->on_network_change();
}

}  // namespace hsfwd
