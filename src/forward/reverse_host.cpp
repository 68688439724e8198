// SPDX-License-Identifier: Apache-2.0
#include "forward/reverse_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hsfwd::forward {

namespace {

using Kind = ListenAnswer::Kind;

// A peer that was refused and does not hang up.
constexpr Duration kRefusedTime = 5_s;
// Ports that are tried for who leaves the choice to this side. Those below are the system's, and tried last.
constexpr std::size_t kMaxTries = 64;
constexpr std::uint32_t kFirstFreePort = 1024;
// Refused ones that have not gone yet.
constexpr std::size_t kMaxRefused = 64;
// For the peer that has the address already to show that it is there still.
constexpr Duration kAnswerTime = 2_s;

net::StreamAddress address_of(net::Ipv4 host, std::uint16_t port) {
  return {.host = host.to_string(), .port = port, .path = {}};
}

}  // namespace

/// What a peer asked for: an address that is listened at, or a refusal that it has not heard yet.
class ReverseHost::Entry final : public net::ByteStreamObserver {
 public:
  Entry(ReverseHost& host, std::unique_ptr<PeerStream> asking, const ListenRequest& asked,
        std::vector<ListenPermit> permitted, Admission::Ticket ticket)
      : number(host.next_number_++),
        request(asked),
        permits(std::move(permitted)),
        key(asking->remote_key()),
        acceptor(host.streams_,
                 [this, &host](std::unique_ptr<net::ByteStream> local) {
                   host.on_accepted(*this, std::move(local));
                 }),
        peer(std::move(asking)),
        host_(host),
        ticket_(std::move(ticket)),
        refused_timer_(host.scheduler_,
                       [this] {
                         peer->reset();
                         host_.entries_.retire(*this);
                       }),
        wait_timer_(host.scheduler_, [this] { host_.on_silent(*this); }) {
    peer->set_observer(this);
  }

  void wait_for(const Entry& other) {
    waits_for_ = other.number;
    wait_timer_.start(kAnswerTime);
  }
  bool waits_for(std::uint64_t other) const { return wait_timer_.armed() && waits_for_ == other; }
  std::uint64_t waited_for() const { return waits_for_; }
  bool listening() const { return !address.empty(); }
  /// What is listened at has limits of its own, and takes none of the room that the connections of the peer have.
  void end_admission() { ticket_.reset(); }
  bool refused() const { return refused_timer_.armed(); }
  /// Says so, and that is it. `why`: one clause for people.
  void refuse(Kind kind, const std::string& why) {
    say({.kind = kind});
    wait_timer_.stop();
    refused_timer_.start(kRefusedTime);
    peer->reset_behind(why);
  }
  /// False: it has no room for so little.
  bool say(const ListenAnswer& answer) {
    const auto bytes = answer.encode();
    return peer->write(bytes) == bytes.size();
  }
  void cancel() {
    refused_timer_.stop();
    wait_timer_.stop();
    acceptor.close();
    peer->set_observer(nullptr);
  }

  const std::uint64_t number;
  ListenRequest request;  // with the port that was picked, once there is one
  const std::vector<ListenPermit> permits;
  const crypto::PublicKey key;
  Acceptor acceptor;
  std::string address;  // where it listens, while it does
  const std::unique_ptr<PeerStream> peer;

 private:
  // net::ByteStreamObserver. The peer has nothing to say but that it is there.
  void on_readable() override {
    for (ByteView bytes = peer->peek(); !bytes.empty(); bytes = peer->peek()) {
      peer->consume(bytes.size());
    }
    if (peer->read_state() == net::ReadState::kEnd && !refused()) {
      host_.stop(*this, {Cause::kPeer, ""});
    }
  }
  void on_writable() override {}
  void on_reset(const std::string& reason) override {
    host_.stop(*this, {cause_of(peer->info().error), reason});
  }

  ReverseHost& host_;
  std::optional<Admission::Ticket> ticket_;  // until it is listened at
  Timer refused_timer_;
  std::uint64_t waits_for_ = 0;  // whose peer has been asked whether it is there
  Timer wait_timer_;
};

ReverseHost::ReverseHost(Scheduler& scheduler, net::StreamFactory& streams, Observer& observer)
    : scheduler_(scheduler),
      streams_(streams),
      observer_(observer),
      entries_(scheduler),
      clients_(scheduler, [this](const ClosedConnection& closed) { on_closed(closed); }) {}

ReverseHost::~ReverseHost() = default;

std::size_t ReverseHost::count(const crypto::PublicKey* peer) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
        return entry->listening() && (peer == nullptr || entry->key == *peer);
      }));
}

/// What the same key has listened at at the same address, by another stream.
ReverseHost::Entry* ReverseHost::find_same(const Entry& entry) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& other) {
    return other.get() != &entry && other->listening() && other->key == entry.key &&
           other->request == entry.request;
  });
  return found != entries_.end() ? found->get() : nullptr;
}

void ReverseHost::serve(std::unique_ptr<PeerStream> peer, const ListenRequest& request,
                        std::vector<ListenPermit> permits, Admission::Ticket ticket) {
  const auto not_listening = [&](const crypto::PublicKey* key) {
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
          return !entry->listening() && (key == nullptr || entry->key == *key);
        }));
  };
  const bool allowed = std::any_of(permits.begin(), permits.end(), [&](const ListenPermit& permit) {
    return permit.covers(request);
  });
  // Those that are refused stay until they have heard it, and take no room from others.
  const bool full = (!allowed && not_listening(nullptr) >= kMaxRefused) ||
                    not_listening(&peer->remote_key()) >= kMaxOfKey;
  if (full) return peer->reset_because("too many ask at once");
  Entry& entry =
      entries_.emplace(*this, std::move(peer), request, std::move(permits), std::move(ticket));
  if (!allowed) return entry.refuse(Kind::kNotAllowed, "not allowed to listen there");
  if (!entry.peer->in_session()) return entry.refuse(Kind::kFailed, "it takes a session");
  begin_unless_taken(entry);
}

/// What the peer has by another stream already stays that one's, if its other end answers. It may be dead, having been
/// killed, and have begun anew.
void ReverseHost::begin_unless_taken(Entry& entry) {
  Entry* const taken = find_same(entry);
  if (taken == nullptr) return begin(entry);
  entry.wait_for(*taken);
  taken->peer->ping([this, number = taken->number](Duration) { on_alive(number); });
}

void ReverseHost::on_alive(std::uint64_t number) {
  for (const auto& entry : entries_) {
    if (!entry->waits_for(number)) continue;
    entry->refuse(Kind::kFailed, "another program with this key has that address already");
  }
}

void ReverseHost::on_silent(Entry& waiting) {
  Entry* const taken = find_same(waiting);
  if (taken != nullptr && taken->number == waiting.waited_for()) give_up(*taken, "requested again");
  begin_unless_taken(waiting);
}

void ReverseHost::begin(Entry& entry) {
  if (count(nullptr) >= kMaxListeners || count(&entry.key) >= kMaxOfKey) {
    return entry.refuse(Kind::kTooMany, "too many addresses are listened at");
  }
  if (const std::string why = listen(entry); !why.empty()) {
    return entry.refuse(Kind::kFailed, why);
  }
  entry.request.port = entry.acceptor.address().port;
  entry.address = entry.request.to_string();
  if (!entry.say({.kind = Kind::kListening, .port = entry.request.port})) {
    return stop(entry, {Cause::kHsfwd, "no room for an answer"});
  }
  entry.end_admission();
  observer_.on_listening(entry.key, entry.address);
}

/// Empty, or why it could not be done.
std::string ReverseHost::listen(Entry& entry) {
  const ListenRequest& request = entry.request;
  const auto try_port = [&](std::uint32_t port) {
    const auto listened =
        entry.acceptor.listen(address_of(request.address, static_cast<std::uint16_t>(port)));
    return listened ? std::string() : listened.error();
  };
  if (request.port != 0) return try_port(request.port);
  std::string why = "no port is free";
  std::size_t tries = 0;
  for (const bool free_ones : {true, false}) {
    for (const ListenPermit& permit : entry.permits) {
      if (!permit.covers(request)) continue;
      for (const PortSet::Range& range : permit.ports.ranges()) {
        const std::uint32_t first =
            free_ones ? std::max<std::uint32_t>(range.first, kFirstFreePort) : range.first;
        const std::uint32_t last =
            free_ones ? range.last : std::min<std::uint32_t>(range.last, kFirstFreePort - 1);
        for (std::uint32_t port = first; port <= last; ++port) {
          if (tries++ == kMaxTries) return why;
          why = try_port(port);
          if (why.empty()) return why;
        }
      }
    }
  }
  return why;
}

void ReverseHost::on_accepted(Entry& entry, std::unique_ptr<net::ByteStream> local) {
  auto ticket = observer_.admit_client(entry.key);
  auto back = ticket ? entry.peer->open_back() : nullptr;
  if (!back) return local->reset();
  const std::uint64_t id = observer_.take_id();
  observer_.on_client(id, *back, entry.address);
  clients_of_.emplace(id, Client{&entry, entry.address, std::move(*ticket)});
  clients_.join(id, std::move(local), std::move(back), entry.address);
}

void ReverseHost::on_closed(const ClosedConnection& closed) {
  clients_of_.erase(closed.id);
  observer_.on_closed(closed);
}

void ReverseHost::stop(Entry& entry, const Ending& ending) {
  const std::string& why = ending.reason;
  entry.acceptor.close();
  std::vector<std::uint64_t> its_own;
  for (const auto& [id, client] : clients_of_) {
    if (client.entry == &entry) its_own.push_back(id);
  }
  for (const std::uint64_t id : its_own) {
    clients_.abort(id, {ending.cause, why.empty() ? "the peer does not want it any more" : why});
  }
  if (entry.listening()) observer_.on_not_listening(entry.key, entry.address, why);
  entries_.retire(entry);
}

void ReverseHost::end(const std::function<bool(const crypto::PublicKey& peer,
                                               const ListenRequest& request)>& unwanted,
                      const std::string& reason) {
  std::vector<Entry*> lost;
  for (const auto& entry : entries_) {
    if (!entry->refused() && unwanted(entry->key, entry->request)) lost.push_back(entry.get());
  }
  for (Entry* const entry : lost) give_up(*entry, reason);
}

void ReverseHost::give_up(Entry& entry, const std::string& reason) {
  entry.peer->set_observer(nullptr);
  entry.peer->reset_because(reason);
  stop(entry, {Cause::kHsfwd, reason});
}

void ReverseHost::leave(const std::string& reason, Duration at_most, std::function<void()> done) {
  for (const auto& entry : entries_) entry->peer->reset_because(reason);
  entries_.retire_all();
  clients_.leave(reason, at_most, std::move(done));
}

std::vector<ReverseHost::Listening> ReverseHost::listening() const {
  std::vector<Listening> out;
  for (const auto& entry : entries_) {
    if (!entry->listening()) continue;
    const auto its_own =
        std::count_if(clients_of_.begin(), clients_of_.end(),
                      [&](const auto& client) { return client.second.entry == entry.get(); });
    out.push_back({entry->key, entry->address, static_cast<std::size_t>(its_own)});
  }
  return out;
}

std::vector<OpenConnection> ReverseHost::list() const {
  std::vector<OpenConnection> out = clients_.list();
  std::erase_if(out, [](const OpenConnection& one) { return !one.peer->info().open; });
  for (OpenConnection& connection : out) connection.service = clients_of_.at(connection.id).address;
  return out;
}

}  // namespace hsfwd::forward
