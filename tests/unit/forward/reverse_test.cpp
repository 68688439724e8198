// SPDX-License-Identifier: Apache-2.0
// Addresses at which a host listens for its peers: how they are asked for, permitted, and served.
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <set>

#include "forward/policy.hpp"
#include "forward/reverse_forward.hpp"
#include "forward/reverse_host.hpp"
#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;
using Catch::Matchers::Contains;

namespace {

std::string listen_read(const std::string& service) {
  const auto at = ListenRequest::from_service(service);
  return at ? at->to_service() : "none";
}

std::string reverse_read(const std::string& text) {
  const auto reverse = ReverseForward::parse(text);
  return reverse ? reverse->to_string() : reverse.error();
}

ListenPermit permit(const std::string& where, std::optional<crypto::PublicKey> who = std::nullopt) {
  auto out = ListenPermit::parse(who, where);
  REQUIRE(out.ok());
  return *out;
}

bool covers(const std::string& where, const std::string& service) {
  const auto at = ListenRequest::from_service(service);
  REQUIRE(at);
  return permit(where).covers(*at);
}

std::string problem_of(const std::string& where) {
  const auto out = ListenPermit::parse(std::nullopt, where);
  return out ? "" : out.error();
}

}  // namespace

TEST_CASE("an address to listen at is asked for in one way") {
  CHECK(listen_read("listen:127.0.0.1:8080") == "listen:127.0.0.1:8080");
  CHECK(listen_read("listen:0.0.0.0:0") == "listen:0.0.0.0:0");
  for (const char* const wrong :
       {"listen:", "listen:8080", "listen:127.0.0.1", "listen:127.0.0.1:", "listen:127.0.0.1:65536",
        "listen:localhost:80", "listen:::1:80", "listen:127.1:80", "listen:127.0.0.1:80:80",
        "tcp:127.0.0.1:80", "Listen:127.0.0.1:80", "web"}) {
    INFO(wrong);
    CHECK(listen_read(wrong) == "none");
  }
}

TEST_CASE("an answer to that says where, or that it is none") {
  const auto bytes = ListenAnswer{.kind = ListenAnswer::Kind::kListening, .port = 8080}.encode();
  CHECK(bytes == std::array<std::uint8_t, 3>{0, 0x90, 0x1f});
  CHECK(ListenAnswer::decode(bytes).port == 8080);
  CHECK(ListenAnswer::decode({2, 0, 0}).kind == ListenAnswer::Kind::kNotAllowed);
  CHECK(ListenAnswer::decode({9, 1, 0}).kind == ListenAnswer::Kind::kFailed);
}

TEST_CASE("a reverse forward as people write it") {
  CHECK(reverse_read("8080") == "127.0.0.1:8080:localhost:8080");
  CHECK(reverse_read("8080:3000") == "127.0.0.1:8080:localhost:3000");
  CHECK(reverse_read("0:3000") == "127.0.0.1:0:localhost:3000");
  CHECK(reverse_read("8080:nas.lan:3000") == "127.0.0.1:8080:nas.lan:3000");
  CHECK(reverse_read("8080:[::1]:3000") == "127.0.0.1:8080:[::1]:3000");
  CHECK(reverse_read("8080:unix:/run/x.sock") == "127.0.0.1:8080:unix:/run/x.sock");
  CHECK(reverse_read("*:8080:3000") == "0.0.0.0:8080:localhost:3000");
  CHECK(reverse_read("localhost:8080:3000") == "127.0.0.1:8080:localhost:3000");
  CHECK(reverse_read("192.168.1.2:8080") == "192.168.1.2:8080:localhost:8080");
  CHECK_THAT(reverse_read("nas.lan:8080:3000"), Contains("is not [BIND:]PORT[:TARGET]"));
  CHECK_THAT(reverse_read(""), Contains("is not"));
  CHECK_THAT(reverse_read("0"), Contains("needs a target"));
  CHECK_THAT(reverse_read("8080:"), Contains("the target is missing"));
  CHECK_THAT(reverse_read("*:8080:"), Contains("the target is missing"));
  CHECK_THAT(reverse_read("tcp:8080:3000"), Contains("TCP needs no word; write 8080:3000"));
  CHECK_THAT(reverse_read("8080:TCP:3000"), Contains("TCP needs no word; write 3000"));
  CHECK_THAT(reverse_read("8080:udp:53"), Contains("only TCP"));
  CHECK_THAT(reverse_read("udp:8080:53"), Contains("only TCP"));
  CHECK_THAT(reverse_read("8080:web=3000"), Contains("has no name"));
  CHECK_THAT(reverse_read("[::]:8080"), Contains("IPv4"));
}

TEST_CASE("a permit names the addresses that are listened at") {
  CHECK(covers("8080", "listen:127.0.0.1:8080"));
  CHECK_FALSE(covers("8080", "listen:0.0.0.0:8080"));
  CHECK_FALSE(covers("8080", "listen:127.0.0.2:8080"));
  CHECK_FALSE(covers("8080", "listen:127.0.0.1:8081"));
  CHECK(covers("80,8000-8010", "listen:127.0.0.1:8010"));
  CHECK(covers("*:8080", "listen:0.0.0.0:8080"));
  CHECK(covers("*:8080", "listen:10.0.0.1:8080"));
  CHECK(covers("0.0.0.0:*", "listen:0.0.0.0:1"));
  // That is the address of all, and no word for any.
  CHECK_FALSE(covers("0.0.0.0:*", "listen:127.0.0.1:1"));
  CHECK(covers("8080", "listen:127.0.0.1:0"));
  CHECK_FALSE(covers("8080", "listen:0.0.0.0:0"));
  CHECK(permit("localhost:80,8000-8010").to_string() == "127.0.0.1:80,8000-8010");
  CHECK_THAT(problem_of(""), Contains("not a valid port"));
  CHECK_THAT(problem_of("0"), Contains("not a valid port"));
  CHECK_THAT(problem_of("nas.lan:80"), Contains("IPv4 address"));
  CHECK_THAT(problem_of("9-8"), Contains("ends before"));
}

TEST_CASE("nobody has this host listen without a permit") {
  const auto at = *ListenRequest::from_service("listen:127.0.0.1:8080");
  const auto alice = key_of(1);
  const auto bob = key_of(2);
  CHECK_FALSE(Policy().may_listen(alice, at));
  CHECK_FALSE(Policy({}, {*Permit::parse(std::nullopt, "*")}).may_listen(alice, at));
  const Policy policy({}, {}, {permit("8080", alice)});
  CHECK(policy.may_listen(alice, at));
  CHECK_FALSE(policy.may_listen(bob, at));
  CHECK(policy.listens_for(bob).empty());
  // Who is not let in is not listened for either.
  CHECK_FALSE(Policy({bob}, {}, {permit("8080")}).may_listen(alice, at));
  // With permits, whoever has none of any kind hears nothing.
  const Policy both({}, {*Permit::parse(bob, "web")}, {permit("8080", alice)});
  CHECK(both.admits(alice));
  CHECK(both.admits(bob));
  CHECK_FALSE(both.admits(key_of(3)));
  CHECK_FALSE(both.allows_service(alice, "web"));
}

namespace {

/// Ports of this host, some of which are taken.
class Ports final : public net::StreamFactory {
 public:
  std::unique_ptr<net::Dial> dial(const net::StreamAddress&, Dialled) override { return nullptr; }
  Result<std::unique_ptr<net::StreamListener>, std::string> listen(const net::StreamAddress& at,
                                                                   Accepted accepted) override {
    ++tried;
    if (taken.contains(at.port)) return Err(std::string("Address already in use"));
    taken.insert(at.port);
    listeners[at.port] = std::move(accepted);
    return std::unique_ptr<net::StreamListener>(std::make_unique<Listening>(*this, at));
  }

  std::set<std::uint16_t> taken;
  std::map<std::uint16_t, Accepted> listeners;
  int tried = 0;

 private:
  struct Listening final : net::StreamListener {
    Listening(Ports& p, net::StreamAddress a) : ports(p), at(std::move(a)) {}
    ~Listening() override { cancel(); }
    void cancel() override {
      if (std::exchange(gone, true)) return;
      ports.taken.erase(at.port);
      ports.listeners.erase(at.port);
    }
    net::StreamAddress address() const override { return at; }
    Ports& ports;
    const net::StreamAddress at;
    bool gone = false;
  };
};

struct Hosting final : ReverseHost::Observer {
  Hosting() : host(scheduler, ports, *this) { scheduler.freeze(Instant::from_micros(1'000'000)); }

  Script& ask(const std::string& service, std::uint8_t who = 1, bool session = true,
              Admission::Ticket ticket = {}) {
    Script& script = peers.emplace_back();
    script.key = who;
    if (session) {
      script.open_back = [this]() -> std::unique_ptr<PeerStream> {
        if (full) return nullptr;
        return std::make_unique<ScriptedPeer>(backs.emplace_back());
      };
    }
    host.serve(std::make_unique<ScriptedPeer>(script), *ListenRequest::from_service(service),
               permits, std::move(ticket));
    return script;
  }
  Script& visit(std::uint16_t port) {
    Script& local = locals.emplace_back();
    ports.listeners.at(port)(std::make_unique<LocalStream>(local));
    return local;
  }

  void on_listening(const crypto::PublicKey&, const std::string& address) override {
    events.push_back("+" + address);
  }
  void on_not_listening(const crypto::PublicKey&, const std::string& address,
                        const std::string& why) override {
    events.push_back("-" + address + (why.empty() ? "" : " " + why));
  }
  std::optional<Admission::Ticket> admit_client(const crypto::PublicKey&) override {
    if (!admits) return std::nullopt;
    return Admission::Ticket();
  }
  std::uint64_t take_id() override { return next_id++; }
  void on_client(std::uint64_t, PeerStream&, const std::string&) override {}
  void on_closed(const ClosedConnection& one) override { closed.push_back(one.reason); }

  // What is retired outlives what it refers to.
  std::deque<Script> peers;
  std::deque<Script> backs;
  std::deque<Script> locals;
  Ports ports;
  Scheduler scheduler;
  std::vector<ListenPermit> permits = {permit("8000-8099")};
  std::vector<std::string> events;
  std::vector<std::string> closed;
  std::uint64_t next_id = 1;
  bool admits = true;
  bool full = false;
  ReverseHost host;
};

int kind_of(const Script& peer) {
  return peer.written.size() == ListenAnswer::kSize ? peer.written[0] : -1;
}

}  // namespace

TEST_CASE("a host listens for a peer as long as that wants it") {
  Hosting h;
  Script& peer = h.ask("listen:127.0.0.1:8001");
  CHECK(kind_of(peer) == 0);
  CHECK(h.events == std::vector<std::string>{"+127.0.0.1:8001"});
  Script& local = h.visit(8001);
  REQUIRE(h.backs.size() == 1);
  local.arrive(as_bytes("hello"));
  CHECK(as_text(h.backs[0].written) == "hello");
  h.backs[0].arrive(as_bytes("you"));
  CHECK(as_text(local.written) == "you");
  REQUIRE(h.host.listening().size() == 1);
  CHECK(h.host.listening()[0].connections == 1);
  CHECK(h.host.list().at(0).service == "127.0.0.1:8001");

  SECTION("it goes") {
    peer.observer->on_reset("gone");
    CHECK(h.events.back() == "-127.0.0.1:8001 gone");
  }
  SECTION("it ends") {
    peer.arrive_end();
    CHECK(h.events.back() == "-127.0.0.1:8001");
  }
  SECTION("the right is taken") {
    h.host.end([](const crypto::PublicKey&, const ListenRequest& at) { return at.port == 8001; },
               "not any more");
    CHECK(peer.was_reset);
    CHECK(h.events.back() == "-127.0.0.1:8001 not any more");
  }
  CHECK(local.was_reset);
  CHECK(h.closed.size() == 1);
  CHECK(h.host.connections() == 0);
  CHECK(h.ports.listeners.empty());
  CHECK(h.host.listening().empty());
}

TEST_CASE(
    "an address that the same key has goes to the newer request, unless the older one's peer is "
    "there") {
  Hosting h;
  Script& old = h.ask("listen:127.0.0.1:8001");
  Script& young = h.ask("listen:127.0.0.1:8001");
  Script& third = h.ask("listen:127.0.0.1:8001");
  CHECK(kind_of(young) == -1);
  REQUIRE(old.pinged);

  SECTION("it answers: both hear so") {
    old.pinged(1_ms);
    CHECK(kind_of(young) == 1);
    CHECK(kind_of(third) == 1);
    h.scheduler.advance_to(h.scheduler.now() + 10_s);
    CHECK(h.events.size() == 1);
    CHECK_FALSE(old.was_reset);
  }
  SECTION("it does not: the first of them has it, and is asked in its turn") {
    h.scheduler.advance_to(h.scheduler.now() + 3_s);
    CHECK(old.was_reset);
    CHECK(kind_of(young) == 0);
    CHECK(kind_of(third) == -1);
    REQUIRE(young.pinged);
    young.pinged(1_ms);
    CHECK(kind_of(third) == 1);
    CHECK_FALSE(young.was_reset);
    CHECK(h.host.listening().size() == 1);
  }
  SECTION("the right is taken meanwhile: none has it") {
    h.host.end([](const crypto::PublicKey&, const ListenRequest&) { return true; }, "not any more");
    h.scheduler.advance_to(h.scheduler.now() + 10_s);
    CHECK(h.host.listening().empty());
    CHECK(h.ports.listeners.empty());
    CHECK(kind_of(young) == -1);
  }
  SECTION("this side leaves meanwhile: nothing is listened at any more") {
    bool left = false;
    h.host.leave("bye", 1_s, [&] { left = true; });
    h.scheduler.advance_to(h.scheduler.now() + 10_s);
    CHECK(left);
    CHECK(h.ports.listeners.empty());
  }
  SECTION("another key does not get it") {
    CHECK(kind_of(h.ask("listen:127.0.0.1:8001", 2)) == 1);
  }
}

TEST_CASE("what cannot be listened at is answered with why") {
  Hosting h;
  h.ports.taken = {8005};
  CHECK(kind_of(h.ask("listen:127.0.0.1:8005")) == 1);
  CHECK_THAT(*h.peers.back().reset_behind, Contains("in use"));
  CHECK(kind_of(h.ask("listen:127.0.0.1:9000")) == 2);
  CHECK(kind_of(h.ask("listen:0.0.0.0:8000")) == 2);
  CHECK(kind_of(h.ask("listen:127.0.0.1:8001", 1, false)) == 1);
  CHECK(h.events.empty());
  CHECK(h.ports.listeners.empty());
  // One that does not hang up is not kept.
  h.scheduler.advance_to(h.scheduler.now() + 10_s);
  CHECK(h.peers.front().was_reset);
}

TEST_CASE("a port is picked of those that are permitted, and not for long") {
  Hosting h;
  h.ports.taken = {8000, 8001};
  Script& peer = h.ask("listen:127.0.0.1:0");
  CHECK(kind_of(peer) == 0);
  CHECK(h.events == std::vector<std::string>{"+127.0.0.1:8002"});
  CHECK(peer.written[1] + peer.written[2] * 256 == 8002);
  for (std::uint16_t port = 8000; port < 8100; ++port) h.ports.taken.insert(port);
  h.ports.tried = 0;
  CHECK(kind_of(h.ask("listen:127.0.0.1:0")) == 1);
  CHECK(h.ports.tried <= 64);
}

TEST_CASE("a peer has its share of addresses, and all have theirs") {
  Hosting h;
  h.permits = {permit("*")};
  for (std::size_t i = 0; i < ReverseHost::kMaxOfKey; ++i) {
    REQUIRE(kind_of(h.ask("listen:127.0.0.1:" + std::to_string(1000 + i))) == 0);
  }
  CHECK(kind_of(h.ask("listen:127.0.0.1:999")) == 3);
  std::uint16_t port = 2000;
  std::size_t open = ReverseHost::kMaxOfKey;
  for (std::uint8_t who = 2; who < 20; ++who) {
    for (int i = 0; i < 20; ++i) {
      open += kind_of(h.ask("listen:127.0.0.1:" + std::to_string(port++), who)) == 0;
    }
  }
  CHECK(open <= ReverseHost::kMaxListeners);
  CHECK(h.host.listening().size() == open);
}

TEST_CASE(
    "an address that is listened at takes no connection's place, one that is asked for does") {
  Admission admission;
  Hosting h;
  const auto ask = [&](const char* service) -> Script& {
    auto ticket = admission.admit(key_of(1));
    REQUIRE(ticket.ok());
    return h.ask(service, 1, true, std::move(*ticket));
  };
  CHECK(kind_of(ask("listen:127.0.0.1:8001")) == 0);
  CHECK(admission.connections() == 0);
  CHECK(kind_of(ask("listen:127.0.0.1:9000")) == 2);
  CHECK(admission.connections() == 1);
  h.scheduler.advance_to(h.scheduler.now() + 10_s);
  CHECK(admission.connections() == 0);
}

TEST_CASE("who connects is let go where there is no room for him") {
  Hosting h;
  h.ask("listen:127.0.0.1:8001");
  h.full = true;
  CHECK(h.visit(8001).was_reset);
  h.full = false;
  h.admits = false;
  CHECK(h.visit(8001).was_reset);
  CHECK(h.host.connections() == 0);
  h.admits = true;
  CHECK_FALSE(h.visit(8001).was_reset);
}

TEST_CASE("peers that are refused take no address from those that have a right to one") {
  Hosting h;
  h.permits.clear();
  // They do not hear that, and so stay.
  for (std::size_t i = 0; i < ReverseHost::kMaxListeners; ++i) h.ask("listen:127.0.0.1:8001", 9);
  CHECK(h.host.listening().empty());
  h.permits = {permit("8000-8099")};
  CHECK(kind_of(h.ask("listen:127.0.0.1:8001", 1)) == 0);
}

TEST_CASE("a port is picked also where the lowest are the system's") {
  Hosting h;
  for (std::uint16_t port = 1; port < 1024; ++port) h.ports.taken.insert(port);
  h.permits = {permit("*")};
  CHECK(kind_of(h.ask("listen:127.0.0.1:0")) == 0);
}
