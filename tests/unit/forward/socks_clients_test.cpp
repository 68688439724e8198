// SPDX-License-Identifier: Apache-2.0
#include "forward/socks_clients.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <string>

#include "streams.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

/// A peer that opens when the test says so.
class OpeningPeer final : public PeerStream {
 public:
  OpeningPeer(Script& script, std::function<void()>& open) : inner_(script), open_(open) {}
  ~OpeningPeer() override { open_ = nullptr; }
  void set_on_open(std::function<void()> on_open) override { open_ = std::move(on_open); }

  void set_observer(net::ByteStreamObserver* observer) override { inner_.set_observer(observer); }
  net::ReadResult read(MutableBytes into) override { return inner_.read(into); }
  std::size_t write(ByteView bytes) override { return inner_.write(bytes); }
  void end() override { inner_.end(); }
  void reset() override { inner_.reset(); }
  bool flushed() const override { return inner_.flushed(); }
  MutableBytes reserve() override { return inner_.reserve(); }
  void commit(std::size_t size) override { inner_.commit(size); }
  ByteView peek() override { return inner_.peek(); }
  void consume(std::size_t size) override { inner_.consume(size); }
  net::ReadState read_state() const override { return inner_.read_state(); }
  void reset_behind(const std::string& reason) override { inner_.reset_behind(reason); }
  PeerInfo info() const override { return inner_.info(); }
  const PublicKey& remote_key() const override { return inner_.remote_key(); }
  void set_on_path_changed(std::function<void()>) override {}
  void ping(std::function<void(Duration)>) override {}
  void send_message(ByteView) override {}
  std::size_t max_message() const override { return 0; }
  void set_on_message(std::function<void(ByteView)>) override {}
  void set_on_back(std::function<void(std::unique_ptr<PeerStream>)>) override {}
  void cancel() override { reset(); }

 private:
  ScriptedPeer inner_;
  std::function<void()>& open_;
};

struct Peer {
  Script script;
  std::function<void()> open;
};

struct Proxy final : SocksGuide {
  Proxy() { scheduler.freeze(Instant::from_micros(1'000'000)); }

  Way dial(std::uint64_t, const SocksTarget& target) override {
    dialled.push_back(target.host + ":" + std::to_string(target.port));
    if (refusal != SocksReply::kSucceeded) {
      return {.reply = refusal, .peer = nullptr, .why = "nobody there"};
    }
    Peer& peer = peers.emplace_back();
    return {.peer = std::make_unique<OpeningPeer>(peer.script, peer.open)};
  }
  Opened on_open(std::uint64_t, const SocksTarget&, const PeerStream&) override { return opened; }
  void join(std::uint64_t, const SocksTarget&, std::unique_ptr<net::ByteStream> client,
            std::unique_ptr<PeerStream> peer) override {
    joined.emplace_back(std::move(client), std::move(peer));
  }
  void on_failed(std::uint64_t, const std::string& asked, const std::string& why) override {
    failed.push_back(asked + ": " + why);
  }
  void on_excess(const std::string& why) override { excess.push_back(why); }
  SocksReply not_reached(const PeerStream&) override { return SocksReply::kNetworkUnreachable; }

  Script& add() {
    Script& out = locals.emplace_back();
    clients.add(ids++, std::make_unique<LocalStream>(out));
    return out;
  }
  /// One that has asked for example.org:443.
  Script& asked() {
    Script& out = add();
    out.arrive(*from_hex("050100"));
    out.arrive(*from_hex("050100030b6578616d706c652e6f726701bb"));
    return out;
  }
  void run(Duration time = 1_ms) { scheduler.advance_to(scheduler.now() + time); }

  // What is retired lets go of these when the scheduler goes.
  std::deque<Script> locals;
  std::deque<Peer> peers;
  Scheduler scheduler;
  SocksReply refusal = SocksReply::kSucceeded;
  Opened opened;
  std::vector<std::string> dialled;
  std::vector<std::string> failed;
  std::vector<std::string> excess;
  std::vector<std::pair<std::unique_ptr<net::ByteStream>, std::unique_ptr<PeerStream>>> joined;
  std::uint64_t ids = 1;
  SocksClients clients{scheduler, *this};
};

std::string said(const Script& client) {
  return to_hex(client.written);
}

const std::string kMethod = "0500";
std::string reply(int code) {
  return kMethod + "050" + std::to_string(code) + "0001000000000000";
}

}  // namespace

TEST_CASE("the reply comes once the peer's stream is open, and what follows the request is left") {
  Proxy p;
  Script& client = p.add();
  client.arrive(*from_hex("050100"));
  CHECK(said(client) == kMethod);
  client.arrive(
      *from_hex("050100030b6578616d706c652e6f726701bb"
                "1603"));
  CHECK(p.dialled == std::vector<std::string>{"example.org:443"});
  CHECK(said(client) == kMethod);
  p.peers[0].open();
  CHECK(said(client) == reply(0));
  CHECK(p.joined.size() == 1);
  CHECK(to_hex(client.incoming) == "1603");
  p.run();
  CHECK(p.clients.count() == 0);
  CHECK(!client.was_reset);
}

TEST_CASE(
    "of a destination the reply comes with the peer's answer, whose byte the client does not get") {
  Proxy p;
  p.opened = {.answers = true};
  Script& client = p.asked();
  p.peers[0].open();
  CHECK(said(client) == kMethod);
  p.peers[0].script.arrive(*from_hex("006869"));
  CHECK(said(client) == reply(0));
  CHECK(to_hex(p.peers[0].script.incoming) == "6869");
  // An answer that was there before.
  Script& other = p.asked();
  p.peers[1].script.arrive(*from_hex("05"));
  p.peers[1].open();
  CHECK(said(other) == reply(5));
  CHECK(other.ended);
  CHECK(p.failed == std::vector<std::string>{"example.org:443: connection refused"});
}

TEST_CASE("whatever keeps a client from its peer is a reply, and then an end") {
  Proxy p;
  p.refusal = SocksReply::kNotAllowed;
  Script& refused = p.asked();
  CHECK(said(refused) == reply(2));
  CHECK(refused.ended);
  p.refusal = SocksReply::kSucceeded;

  Script& unreached = p.asked();
  p.peers[0].script.observer->on_reset("nobody there");
  CHECK(said(unreached) == reply(3));

  p.opened = {.reply = SocksReply::kRefused, .why = "it has none"};
  Script& missing = p.asked();
  p.peers[1].open();
  CHECK(said(missing) == reply(5));

  p.opened = {.answers = true};
  Script& silent = p.asked();
  p.peers[2].open();
  p.peers[2].script.arrive_end();
  CHECK(said(silent) == reply(1));

  Script& late = p.asked();
  p.run(SocksClients::kTimeToConnect);
  CHECK(said(late) == reply(6));
  CHECK(p.peers[3].script.was_reset);

  // They read to the end, or are given up after a moment.
  CHECK(!late.was_reset);
  late.arrive_end();
  p.run();
  CHECK(!late.was_reset);
  p.run(SocksClients::kTimeToLeave);
  CHECK(p.clients.count() == 0);
  CHECK(p.failed == std::vector<std::string>{
                        "example.org:443: nobody there", "example.org:443: nobody there",
                        "example.org:443: it has none", "example.org:443: the peer did not answer",
                        "example.org:443: no answer in time"});
}

TEST_CASE("other words than SOCKS5 get the answer that their speakers understand") {
  Proxy p;
  Script& older = p.add();
  older.arrive(*from_hex("040100507f00000100"));
  CHECK(said(older) == "005b000000000000");
  CHECK(older.ended);
  CHECK(older.incoming.empty());
  Script& locked = p.add();
  locked.arrive(*from_hex("050102"));
  CHECK(said(locked) == "05ff");
  CHECK(locked.ended);
  Script& http = p.add();
  http.arrive(as_bytes(std::string_view("GET / HTTP/1.1")));
  CHECK(http.was_reset);
  CHECK(http.written.empty());
  CHECK(p.dialled.empty());
  CHECK(p.failed == std::vector<std::string>{
                        ": SOCKS4 is not offered, SOCKS5 is; it asked for 127.0.0.1:80",
                        ": it wants a password, and there is none",
                        ": it speaks HTTP, and this port SOCKS5; it asked: GET / HTTP/1.1"});
}

TEST_CASE("a client that does not say what it wants is given up") {
  Proxy p;
  Script& client = p.add();
  client.arrive(*from_hex("0501"));
  p.run(SocksClients::kTimeToAsk - 2_ms);
  CHECK(!client.was_reset);
  p.run(2_ms);
  CHECK(client.was_reset);
  CHECK(p.failed == std::vector<std::string>{": it did not say in time what it wants"});
  Script& gone = p.add();
  gone.arrive_end();
  p.run();
  CHECK(gone.was_reset);
  CHECK(p.clients.count() == 0);
}

TEST_CASE("a client that leaves takes its peer along") {
  Proxy p;
  Script& client = p.asked();
  client.observer->on_reset("gone");
  p.run();
  CHECK(p.peers[0].script.was_reset);
  CHECK(p.clients.count() == 0);
  CHECK(p.joined.empty());
}

TEST_CASE(
    "of too many that say nothing the first gives way, and beyond a thousand dials there are "
    "none") {
  Proxy p;
  std::vector<Script*> idle;
  for (std::size_t i = 0; i <= SocksClients::kMaxIdle; ++i) idle.push_back(&p.add());
  CHECK(idle[0]->was_reset);
  CHECK(!idle[1]->was_reset);
  CHECK(p.excess ==
        std::vector<std::string>{"too many clients of SOCKS have not said what they want"});
  CHECK(p.clients.count() == SocksClients::kMaxIdle);
  p.clients.close();
  p.run();
  for (std::size_t i = 0; i < SocksClients::kMaxDialling; ++i) p.asked();
  CHECK(p.peers.size() == SocksClients::kMaxDialling);
  Script& late = p.asked();
  CHECK(said(late) == reply(1));
  CHECK(p.excess.back() == "too many clients wait for their peers");
  CHECK(p.peers.size() == SocksClients::kMaxDialling);
  // Whoever has not asked yet is not in their way, nor they in his.
  Script& next = p.add();
  p.peers[0].open();
  next.arrive(*from_hex("050100050100030b6578616d706c652e6f726701bb"));
  CHECK(p.peers.size() == SocksClients::kMaxDialling + 1);
}

TEST_CASE("a client that has said all before it is looked at is not waited for") {
  Proxy p;
  Script& client = p.locals.emplace_back();
  client.incoming = *from_hex("050100050100030b6578616d706c652e6f726701bb");
  p.clients.add(1, std::make_unique<LocalStream>(client));
  CHECK(p.dialled.size() == 1);
}

TEST_CASE("a client that has no room for a reply is given up") {
  Proxy p;
  Script& client = p.add();
  client.room = 1;
  client.arrive(*from_hex("050100"));
  p.run();
  CHECK(client.was_reset);
  Script& other = p.asked();
  other.room = 3;
  p.peers[0].open();
  p.run();
  CHECK(other.was_reset);
  CHECK(p.joined.empty());
  CHECK(p.peers[0].script.was_reset);
  CHECK(p.clients.count() == 0);
}
