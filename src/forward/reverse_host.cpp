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
// Ports that are tried for who leaves the choice to this side.
constexpr std::size_t kMaxTries = 64;

net::StreamAddress address_of(net::Ipv4 host, std::uint16_t port) {
  return {.host = host.to_string(), .port = port, .path = {}};
}

}  // namespace

/// What a peer asked for: an address that is listened at, or a refusal that it has not heard yet.
class ReverseHost::Entry final : public net::ByteStreamObserver {
 public:
  Entry(ReverseHost& host, std::unique_ptr<PeerStream> asking, const ListenRequest& asked,
        Admission::Ticket ticket)
      : request(asked),
        key(asking->remote_key()),
        acceptor(host.streams_,
                 [this, &host](std::unique_ptr<net::ByteStream> local) {
                   host.on_accepted(*this, std::move(local));
                 }),
        peer(std::move(asking)),
        host_(host),
        ticket_(std::move(ticket)),
        refused_timer_(host.scheduler_, [this] {
          peer->reset();
          host_.entries_.retire(*this);
        }) {
    peer->set_observer(this);
  }

  /// Says so, and that is it. `why`: one clause for people.
  void refuse(Kind kind, const std::string& why) {
    say({.kind = kind});
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
    acceptor.close();
    peer->set_observer(nullptr);
  }

  ListenRequest request;  // with the port that was picked, once there is one
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
    if (peer->read_state() == net::ReadState::kEnd && !refused_timer_.armed()) {
      host_.stop(*this, "");
    }
  }
  void on_writable() override {}
  void on_reset(const std::string& reason) override { host_.stop(*this, reason); }

  ReverseHost& host_;
  const Admission::Ticket ticket_;
  Timer refused_timer_;
};

ReverseHost::ReverseHost(Scheduler& scheduler, net::StreamFactory& streams, Observer& observer)
    : scheduler_(scheduler),
      streams_(streams),
      observer_(observer),
      entries_(scheduler),
      clients_(scheduler, [this](const ClosedConnection& closed) { on_closed(closed); }) {}

ReverseHost::~ReverseHost() = default;

std::size_t ReverseHost::of_key(const crypto::PublicKey& peer) const {
  return static_cast<std::size_t>(std::count_if(
      entries_.begin(), entries_.end(), [&](const auto& entry) { return entry->key == peer; }));
}

void ReverseHost::serve(std::unique_ptr<PeerStream> peer, const ListenRequest& request,
                        const std::vector<ListenPermit>& permits, Admission::Ticket ticket) {
  const bool too_many = entries_.size() >= kMaxListeners || of_key(peer->remote_key()) >= kMaxOfKey;
  Entry& entry = entries_.emplace(*this, std::move(peer), request, std::move(ticket));
  if (too_many) return entry.refuse(Kind::kTooMany, "too many addresses are listened at");
  if (!entry.peer->in_session()) return entry.refuse(Kind::kFailed, "it takes a session");
  const bool allowed = std::any_of(permits.begin(), permits.end(), [&](const ListenPermit& permit) {
    return permit.covers(request);
  });
  if (!allowed) return entry.refuse(Kind::kNotAllowed, "not allowed to listen there");
  if (const std::string why = listen(entry, permits); !why.empty()) {
    return entry.refuse(Kind::kFailed, why);
  }
  entry.request.port = entry.acceptor.address().port;
  entry.address = entry.request.to_string();
  if (!entry.say({.kind = Kind::kListening, .port = entry.request.port}))
    return stop(entry, "no room for an answer");
  observer_.on_listening(entry.key, entry.address);
}

/// Empty, or why it could not be done.
std::string ReverseHost::listen(Entry& entry, const std::vector<ListenPermit>& permits) {
  const ListenRequest& request = entry.request;
  const auto try_port = [&](std::uint16_t port) {
    const auto listened = entry.acceptor.listen(address_of(request.address, port));
    return listened ? std::string() : listened.error();
  };
  if (request.port != 0) return try_port(request.port);
  std::string why = "no port is free";
  std::size_t tries = 0;
  for (const ListenPermit& permit : permits) {
    if (!permit.covers(request)) continue;
    for (const PortSet::Range& range : permit.ports.ranges()) {
      for (std::uint32_t port = range.first; port <= range.last; ++port) {
        if (tries++ == kMaxTries) return why;
        why = try_port(static_cast<std::uint16_t>(port));
        if (why.empty()) return why;
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

void ReverseHost::stop(Entry& entry, const std::string& why) {
  entry.acceptor.close();
  std::vector<std::uint64_t> its_own;
  for (const auto& [id, client] : clients_of_) {
    if (client.entry == &entry) its_own.push_back(id);
  }
  for (const std::uint64_t id : its_own) {
    clients_.abort(id, why.empty() ? "the peer does not want it any more" : why);
  }
  if (!entry.address.empty()) observer_.on_not_listening(entry.key, entry.address, why);
  entries_.retire(entry);
}

void ReverseHost::end(const std::function<bool(const crypto::PublicKey& peer,
                                               const ListenRequest& request)>& unwanted,
                      const std::string& reason) {
  std::vector<Entry*> lost;
  for (const auto& entry : entries_) {
    if (!entry->address.empty() && unwanted(entry->key, entry->request))
      lost.push_back(entry.get());
  }
  for (Entry* const entry : lost) {
    entry->peer->set_observer(nullptr);
    entry->peer->reset_because(reason);
    stop(*entry, reason);
  }
}

void ReverseHost::leave(const std::string& reason, Duration at_most, std::function<void()> done) {
  for (const auto& entry : entries_) {
    entry->acceptor.close();
    entry->peer->set_observer(nullptr);
    entry->peer->reset_because(reason);
  }
  clients_.leave(reason, at_most, std::move(done));
}

std::vector<ReverseHost::Listening> ReverseHost::listening() const {
  std::vector<Listening> out;
  for (const auto& entry : entries_) {
    if (entry->address.empty()) continue;
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
