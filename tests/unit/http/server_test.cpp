// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "http/request_parser.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::http;

namespace {

/// A client of the server: what it says, and what it has heard.
struct Client {
  std::string says = {};
  bool has_ended = false;
  std::size_t room = 1 << 20;
  std::string heard = {};
  bool is_ended = false;
  bool is_gone = false;
  net::ByteStreamObserver* observer = nullptr;

  void say(const std::string& text) {
    says += text;
    if (observer != nullptr) observer->on_readable();
  }
  void end() {
    has_ended = true;
    if (observer != nullptr) observer->on_readable();
  }
  void take(std::size_t size) {
    room += size;
    if (observer != nullptr) observer->on_writable();
  }
  std::size_t answers(const std::string& line) const {
    std::size_t count = 0;
    for (std::size_t at = heard.find(line); at != std::string::npos;
         at = heard.find(line, at + 1)) {
      ++count;
    }
    return count;
  }
};

class ClientStream final : public net::ByteStream {
 public:
  explicit ClientStream(Client& client) : client_(client) {}
  ~ClientStream() override { client_.is_gone = true; }
  void set_observer(net::ByteStreamObserver* observer) override { client_.observer = observer; }
  net::ReadResult read(MutableBytes into) override {
    const std::size_t size = std::min(into.size(), client_.says.size());
    copy_bytes(as_bytes(client_.says).first(size), into);
    client_.says.erase(0, size);
    if (size > 0) return {net::ReadState::kData, size};
    return {client_.has_ended ? net::ReadState::kEnd : net::ReadState::kBlocked, 0};
  }
  std::size_t write(ByteView bytes) override {
    const std::size_t size = std::min(bytes.size(), client_.room);
    client_.room -= size;
    client_.heard += as_text(bytes.first(size));
    return size;
  }
  void end() override { client_.is_ended = true; }
  void reset() override {}
  bool flushed() const override { return true; }

 private:
  Client& client_;
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Site {
  Scheduler scheduler;
  std::vector<Server::Reply> waiting;
  std::vector<std::string> asked;
  bool later = false;
  Server server{scheduler, [this](const Request& request, const Server::Reply& reply) {
                  asked.push_back(request.method + " " + request.path);
                  if (later) return waiting.push_back(reply);
                  Response response;
                  response.body = "body";
                  reply(response);
                }};

  void add(Client& client) { server.add(std::make_unique<ClientStream>(client)); }
  void run() { scheduler.run_posted(); }
  void wait(Duration time) { scheduler.advance_to(scheduler.now() + time); }
};

}  // namespace

TEST_CASE("http::Server: requests of a connection are answered in turn") {
  Client client;
  Site site;
  site.add(client);
  SECTION("one after the other") {
    client.say(kGet);
    site.run();
    CHECK(client.answers("HTTP/1.1 200 OK\r\n") == 1);
    client.say("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site.run();
    CHECK(site.asked == std::vector<std::string>{"GET /", "HEAD /x"});
    CHECK(client.answers("body") == 1);
  }
  SECTION("byte by byte") {
    for (const char c : std::string(kGet)) client.say(std::string(1, c));
    CHECK(client.answers("200 OK") == 1);
  }
  SECTION("all at once, while the answers are taken slowly") {
    client.room = 10;
    client.say(std::string(kGet) + kGet + kGet);
    CHECK(site.asked.size() == 1);
    for (int i = 0; i < 300; ++i) {
      client.take(10);
      site.run();
    }
    CHECK(client.answers("200 OK") == 3);
  }
  SECTION("later") {
    site.later = true;
    client.say(std::string(kGet) + kGet);
    REQUIRE(site.waiting.size() == 1);
    CHECK(client.heard.empty());
    site.waiting[0](Response{});
    site.run();
    REQUIRE(site.waiting.size() == 2);
    site.waiting[1](Response{});
    CHECK(client.answers("200 OK") == 2);
  }
  CHECK_FALSE(client.is_gone);
  CHECK(site.server.refused() == 0);
}

TEST_CASE("http::Server: what is refused is told, and ends the connection") {
  enum class Ending { kEnds, kTalksOn, kDoesNothing };
  struct Case {
    std::string says;
    std::string hears;
  };
  const Case one = GENERATE(
      Case{"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
      Case{"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      Case{std::string(kMaxHead, 'x'), "HTTP/1.1 431 Request Header Fields Too Large"},
      Case{"GET ", "HTTP/1.1 408 Request Timeout"});
  const Ending how = GENERATE(Ending::kEnds, Ending::kTalksOn, Ending::kDoesNothing);
  CAPTURE(one.says, static_cast<int>(how));
  Client client;
  Site site;
  site.add(client);
  client.say(one.says);
  if (client.heard.empty()) {  // a head that takes too long
    site.wait(Server::kPatience - 1_s);
    client.say("/");
    CHECK(client.heard.empty());
    site.wait(1_s);
  }
  CHECK(client.answers(one.hears) == 1);
  CHECK(site.asked.empty());
  CHECK(site.server.refused() == 1);
  CHECK(client.is_ended);
  site.run();
  CHECK_FALSE(client.is_gone);  // until it has read that
  if (how == Ending::kEnds) client.end();
  if (how == Ending::kTalksOn) client.say(std::string(1 << 20, 'x'));
  if (how == Ending::kDoesNothing) site.wait(Server::kPatience);
  site.run();
  CHECK(client.is_gone);
}

TEST_CASE("http::Server: nobody keeps a connection for nothing") {
  Client client;
  Site site;
  site.add(client);
  SECTION("without a request") {
    site.wait(Server::kPatience);
  }
  SECTION("behind an answer") {
    client.say(kGet);
    site.run();
    site.wait(Server::kIdlePatience - 1_s);
    CHECK_FALSE(client.is_gone);
    site.wait(1_s);
  }
  SECTION("behind an answer that it does not take") {
    client.room = 3;
    client.say(kGet);
    site.wait(Server::kPatience);
  }
  SECTION("behind an answer of which it takes a byte now and then") {
    client.room = 3;
    client.say(kGet);
    for (int i = 0; i < 10; ++i) {
      site.wait(1_s);
      if (client.observer != nullptr) client.take(1);
    }
  }
  SECTION("it ends") {
    client.end();
  }
  site.run();
  CHECK(client.is_gone);
  CHECK(site.server.connections() == 0);
}

TEST_CASE("http::Server: an answer that comes when the client is gone is no matter") {
  Client client;
  Site site;
  site.later = true;
  site.add(client);
  client.say(kGet);
  client.observer->on_reset("gone");
  site.run();
  CHECK(client.is_gone);
  site.waiting.at(0)(Response{});
}

TEST_CASE("http::Server: of many connections, those that ask have a place") {
  std::vector<Client> clients(Server::kMaxConnections + 2);
  Site site;
  site.later = true;
  for (std::size_t i = 0; i < Server::kMaxConnections; ++i) {
    site.add(clients[i]);
    site.wait(1_ms);
  }
  clients[0].say(kGet);
  site.add(clients[Server::kMaxConnections]);
  site.run();
  CHECK_FALSE(clients[0].is_gone);  // it is asking
  CHECK(clients[1].is_gone);        // it has asked for nothing longest
  CHECK(site.server.connections() == Server::kMaxConnections);

  for (std::size_t i = 2; i <= Server::kMaxConnections; ++i) clients[i].say(kGet);
  site.add(clients[Server::kMaxConnections + 1]);
  site.run();
  CHECK(clients[Server::kMaxConnections + 1].is_gone);  // there was no place
  CHECK(site.server.connections() == Server::kMaxConnections);
  site.server.close();
  site.run();
  CHECK(clients[0].is_gone);
}
