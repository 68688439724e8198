// SPDX-License-Identifier: Apache-2.0
// Clients that make a server hold bytes, each within what the protocol allows: what that comes to
// in sum, and that whoever comes in earnest is served meanwhile.
#include <malloc.h>

#include <list>

#include "swarm.hpp"
#include "unit/failing_allocator.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// A server, and clients at another machine.
struct Held {
  explicit Held(std::uint64_t seed, bool hsfwd_peers = false) : swarm(seed), hsfwd(hsfwd_peers) {
    swarm.grow_to(20);
    host = swarm.add_peer(1);
    guest = swarm.add_peer(2);
    ServerOptions options;
    if (hsfwd)
      options.extension = [](const auto&, const auto&) { return Extension{.service = "x"}; };
    options.allow = [this](const Visitor&) {
      if (on_visitor) on_visitor();
      return true;
    };
    server = swarm.listen(*host, swarm.keys(10), std::move(options), [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      accepted.back()->paused = !reads;
      accepted.back()->end_with_peer = true;
      if (on_accepted) on_accepted(*accepted.back());
      accepted.back()->on_readable();
    });
  }

  SocketRecorder& connect() {
    ConnectOptions options;
    if (hsfwd) options.extension = Extension{};
    auto& client = clients.emplace_back(
        std::make_unique<SocketRecorder>(guest->dht().connect(swarm.keys(10).public_key, options)));
    REQUIRE(swarm.world.run_until([&] { return client->opened && !accepted.empty(); }, 30_s));
    swarm.world.run_for(100_ms);
    return *client;
  }

  /// A connection that gets an answer.
  bool serves() {
    reads = true;
    on_accepted = [](SocketRecorder& socket) { socket.send(to_bytes(as_bytes("hello")), true); };
    SocketRecorder& client = connect();
    client.end_with_peer = true;
    swarm.world.run_until([&] { return client.ended || client.reset; }, 30_s);
    on_accepted = nullptr;
    return as_text(client.received) == "hello";
  }

  std::size_t buffered() { return host->dht().mux().budget().held(); }

  Swarm swarm;
  const bool hsfwd;
  bool reads = true;
  std::function<void(SocketRecorder&)> on_accepted;
  std::function<void()> on_visitor;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  std::list<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::list<std::unique_ptr<SocketRecorder>> clients;
};

/// The beginning of a frame of sixteen megabytes, which nothing authenticates until all of it is
/// there.
void begin_large_frame(SocketRecorder& client, std::size_t size) {
  Bytes bytes(size);
  bytes[0] = bytes[1] = bytes[2] = 0xff;
  client.socket->raw().write(bytes);
}

std::size_t memory_in_use_now() {
  return mallinfo2().uordblks;
}

}  // namespace

TEST_CASE("sixty connections to a service that reads nothing cost what their first windows hold") {
  Held held(1);
  held.reads = false;
  for (int i = 0; i < 60; ++i) held.connect().send(Bytes(4 * kMiB), false);
  held.swarm.world.run_for(20_s);
  CHECK(held.buffered() >= 60 * 200 * 1024);
  CHECK(held.buffered() <= 60 * 400 * 1024);
  CHECK(held.serves());
  held.clients.clear();
  held.swarm.world.run_for(1_s);
  held.accepted.clear();
  CHECK(held.buffered() == 0);
}

TEST_CASE("stock peers that send messages of sixteen megabytes take turns, and all come through") {
  Held held(2);
  std::vector<SocketRecorder*> senders;
  for (int i = 0; i < 4; ++i) senders.push_back(&held.connect());
  for (SocketRecorder* const sender : senders) {
    sender->socket->send_message(Bytes(secret_stream::kMaxPlaintext));
  }
  std::size_t most = 0;
  REQUIRE(held.swarm.world.run_until(
      [&] {
        most = std::max(most, held.host->dht().large_frames().reserved());
        return std::all_of(held.accepted.begin(), held.accepted.end(), [](const auto& socket) {
          return socket->received.size() == secret_stream::kMaxPlaintext;
        });
      },
      120_s));
  CHECK(most <= 16 * kMiB);
  CHECK(held.host->dht().large_frames().overdue() == 0);
  for (SocketRecorder* const sender : senders) CHECK(!sender->reset);
}

TEST_CASE("large messages that are never finished hold one turn, and lose it when others wait") {
  Held held(3);
  const std::size_t before = memory_in_use_now();
  for (int i = 0; i < 8; ++i) begin_large_frame(held.connect(), 12 * kMiB);
  // Who sends twelve megabytes and stops there has a minute for it.
  held.swarm.world.run_for(10_s);
  CHECK(held.host->dht().large_frames().reserved() <= 16 * kMiB);
  CHECK(held.host->dht().large_frames().waiting() == 7);
  CHECK(held.buffered() <= 8 * 400 * 1024);
  // Not counted: what the senders, in the same process, keep to send.
  if (kMemoryCanBeMeasured) CHECK(memory_in_use_now() - before < (8 * 12 + 24) * kMiB);
  CHECK(held.serves());

  SocketRecorder& honest = held.connect();
  honest.socket->send_message(Bytes(2 * kMiB));
  REQUIRE(held.swarm.world.run_until(
      [&] { return held.accepted.back()->received.size() == 2 * kMiB; }, 900_s));
  CHECK(held.host->dht().large_frames().overdue() > 0);
  CHECK(!honest.reset);
  CHECK(held.serves());
}

TEST_CASE("announcing a large message and sending none of it holds the turn for seconds") {
  Held held(4);
  SocketRecorder& liar = held.connect();
  begin_large_frame(liar, 3);
  held.swarm.world.run_for(1_min);
  CHECK(!liar.reset);  // as long as nobody waits
  SocketRecorder& honest = held.connect();
  honest.socket->send_message(Bytes(8 * kMiB));
  REQUIRE(held.swarm.world.run_until(
      [&] { return held.accepted.back()->received.size() == 8 * kMiB; }, 15_s));
  CHECK(liar.reset);
}

TEST_CASE("a record larger than hsfwd peers send ends the connection, with a reason") {
  Held held(5, true);
  SocketRecorder& client = held.connect();
  Bytes frame(kMiB);
  frame[0] = 0xff;
  frame[1] = 0xff;
  frame[2] = 1;
  client.socket->raw().write(frame);
  held.swarm.world.run_until([&] { return client.reset.has_value(); }, 10_s);
  REQUIRE(client.reset);
  CHECK(client.reset->find("a record is larger than hsfwd peers send") != std::string::npos);
  held.accepted.clear();
  CHECK(held.buffered() == 0);
  CHECK(held.serves());
}

TEST_CASE(
    "a connection whose data there is no memory for ends with that reason, and no other does") {
  for (const bool hsfwd_peers : {true, false}) {
    Held held(6, hsfwd_peers);
    struct Exhausted final : net::ByteStreamObserver {
      void on_readable() override { throw std::bad_alloc(); }
      void on_writable() override {}
      void on_reset(const std::string& why) override { reset = why; }
      std::optional<std::string> reset;
    } exhausted;
    SocketRecorder& victim = held.connect();
    PeerSocket& sick = *held.accepted.back()->socket;
    SocketRecorder& other = held.connect();
    SocketRecorder& other_end = *held.accepted.back();
    sick.set_observer(&exhausted);
    other.send(Bytes(kMiB), false);
    victim.send(Bytes(kMiB), false);
    held.swarm.world.run_for(5_s);
    REQUIRE(exhausted.reset);
    CHECK(exhausted.reset->find("out of memory") != std::string::npos);
    CHECK(sick.error() == ConnectError::kNoMemory);
    REQUIRE(victim.reset);
    if (hsfwd_peers)
      CHECK(victim.reset->find("the other side is out of memory") != std::string::npos);
    CHECK(other_end.received.size() == kMiB);
    CHECK(!other.reset);
    CHECK(held.serves());
    sick.set_observer(nullptr);
  }
}

// From the server's answer to the first records both sides open a stream: one allocation fails on the
// way, each in its turn. Where no stream is concerned it ends the dispatch, which the loop of a
// program survives, and this does not look further.
TEST_CASE("one allocation that fails while a connection opens ends that connection at most") {
  constexpr std::size_t kAllocations = 400;
  constexpr std::size_t kStep = kSanitized ? 7 : 1;
  for (const bool hsfwd_peers : {true, false}) {
    std::size_t ended = 0;
    for (std::size_t n = 0; n < kAllocations; n += kStep) {
      Held held(20, hsfwd_peers);
      SocketRecorder& other = held.connect();
      std::optional<FailingAllocator> allocator;
      held.on_visitor = [&] { allocator.emplace(n); };
      ConnectOptions options;
      if (hsfwd_peers) options.extension = Extension{};
      SocketRecorder victim(held.guest->dht().connect(held.swarm.keys(10).public_key, options));
      bool of_a_stream = true;
      try {
        held.swarm.world.run_for(1_s);
      } catch (const std::bad_alloc&) {
        of_a_stream = false;
      }
      allocator.reset();
      held.on_visitor = nullptr;
      if (!of_a_stream) continue;
      held.swarm.world.run_for(40_s);
      ended += victim.reset || !victim.opened ? 1 : 0;
      INFO(n << " of " << (hsfwd_peers ? "hsfwd" : "stock") << " peers");
      CHECK(!other.reset);
      CHECK(held.serves());
    }
    CHECK(ended > 0);
  }
}
