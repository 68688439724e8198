// SPDX-License-Identifier: Apache-2.0
#include "cli/invitation.hpp"

#include <catch2/catch.hpp>

#include "cli/targets.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

const PublicKey kInvited = PublicKey::from(Bytes(32, 7));

struct Case {
  std::vector<std::string> targets;
  std::vector<std::string> bootstrap;  // none: the public network
  std::string host_name = "vps";
  bool own_key_only = false;
  std::vector<forward::Permit> permits = {};
  std::vector<forward::ListenPermit> listens = {};
};

/// The lines for that, with KEY in the place of the key in either form.
Invitation lines_of(const Case& of) {
  std::vector<forward::Service> services;
  for (const std::string& target : of.targets) services.push_back(*parse_service(target));
  const forward::Policy policy({}, of.permits, of.listens);
  std::vector<BootstrapNode> bootstrap = public_bootstrap();
  if (!of.bootstrap.empty()) bootstrap.clear();
  for (const std::string& node : of.bootstrap) bootstrap.push_back(*BootstrapNode::parse(node));
  Invitation out = invitation({.key = kInvited,
                               .services = services,
                               .policy = policy,
                               .bootstrap = bootstrap,
                               .host_name = of.host_name,
                               .own_key_only = of.own_key_only});
  for (std::string* line : {&out.connect, &out.ssh, &out.hypertele, &out.holesail}) {
    for (const std::string& key : {key_text(kInvited), to_hex(kInvited.view())}) {
      if (const auto at = line->find(key); at != std::string::npos) {
        line->replace(at, key.size(), "KEY");
      }
    }
  }
  return out;
}

std::string connect_line(const Case& of) {
  return lines_of(of).connect;
}

}  // namespace

TEST_CASE("a line to copy opens the port that the service has, or one that users may open") {
  CHECK(connect_line({.targets = {"8080"}}) == "hsfwd connect KEY -L 8080");
  CHECK(connect_line({.targets = {"web=80"}}) == "hsfwd connect KEY -L 8080");
  CHECK(connect_line({.targets = {"unix:/run/x.sock"}}) == "hsfwd connect KEY -L 0");
  CHECK(connect_line({.targets = {"dns=udp:53"}}) == "hsfwd connect KEY -L udp:8053");
}

TEST_CASE("services are named in it where there are several") {
  CHECK(connect_line({.targets = {"web=8080", "ssh=22", "dns=udp:5353"}}) ==
        "hsfwd connect KEY -L 8080:web -L 8022:ssh -L udp:5353:dns");
  CHECK(connect_line({.targets = {"dns=5353", "dns=udp:5353"}}) ==
        "hsfwd connect KEY -L tcp+udp:5353");
  CHECK(connect_line({.targets = {"8000", "8001", "8002", "8003", "8004"}}) ==
        "hsfwd connect KEY -L 8000:8000 -L 8001:8001 -L 8002:8002 -L 8003:8003");
}

TEST_CASE("it has the bootstrap nodes of another network than the public one") {
  CHECK(connect_line({.targets = {"8080"}, .bootstrap = {"dht.example:49737", "10.0.0.1@b:1"}}) ==
        "hsfwd connect KEY -L 8080 --bootstrap dht.example:49737 --bootstrap 10.0.0.1@b:1");
  CHECK(connect_line({.targets = {"8080"}, .bootstrap = {"a;b:1"}}) ==
        "hsfwd connect KEY -L 8080 --bootstrap 'a;b:1'");
}

TEST_CASE("in a network of this machine alone the service's port is taken") {
  for (const char* node : {"127.0.0.1:49737", "127.0.0.1@x:1", "localhost:1"}) {
    CHECK(connect_line({.targets = {"8080"}, .bootstrap = {node}})
              .starts_with("hsfwd connect KEY -L 0 --bootstrap "));
  }
  CHECK(connect_line({.targets = {"8080"}, .bootstrap = {"127.0.0.1:1", "10.0.0.1:1"}})
            .starts_with("hsfwd connect KEY -L 8080 "));
}

TEST_CASE("destinations are reached by SOCKS, and this machine is asked to listen by -R") {
  const std::vector<forward::ListenPermit> listens = {
      *forward::ListenPermit::parse(std::nullopt, "9000-9003")};
  CHECK(connect_line({.listens = listens}) == "hsfwd connect KEY -R 9000");
  const std::vector<forward::ListenPermit> any = {
      *forward::ListenPermit::parse(std::nullopt, "*:*")};
  CHECK(connect_line({.listens = any}) == "hsfwd connect KEY -R 8080");
}

TEST_CASE("ssh gets there without a local port") {
  CHECK(lines_of({.targets = {"22"}}).ssh == "ssh -o ProxyCommand='hsfwd pipe KEY' vps");
  CHECK(lines_of({.targets = {"web=80", "shell=22"}, .bootstrap = {"127.0.0.1:1"}}).ssh ==
        "ssh -o ProxyCommand='hsfwd pipe KEY shell --bootstrap 127.0.0.1:1' vps");
  CHECK(lines_of({.targets = {"22"}, .own_key_only = true}).ssh ==
        "ssh -o ProxyCommand='hsfwd pipe KEY --identity FILE' vps");
  CHECK(lines_of({.targets = {"ssh=2222"}}).ssh.empty());
  CHECK(lines_of({.targets = {"udp:22"}}).ssh.empty());
  for (const char* name : {"", "-oProxyCommand=x", "a b", "$(id)", "x@y"}) {
    CHECK(lines_of({.targets = {"22"}, .host_name = name}).ssh.ends_with("' server"));
  }
}

TEST_CASE("other programs are told how they get there, where they do") {
  const Invitation lines = lines_of({.targets = {"web=80", "8081"}});
  CHECK(lines.hypertele == "hypertele -p 8080 -s KEY");
  CHECK(lines.holesail == "holesail hs://0000KEY --port 8080");
  const Invitation udp = lines_of({.targets = {"udp:5353"}});
  CHECK(udp.hypertele.empty());
  CHECK(udp.holesail == "holesail hs://0000KEY --port 5353 --udp");
  for (const Case& none : {Case{.targets = {"80"}, .bootstrap = {"dht.example:1"}},
                           Case{.targets = {"80"}, .bootstrap = {}, .own_key_only = true},
                           Case{.targets = {"unix:/x"}}}) {
    CHECK((lines_of(none).hypertele + lines_of(none).holesail).empty());
  }
}

TEST_CASE("a word of a shell's line stays one word") {
  CHECK(shell_word("plain-1.2:3,/x_y@z") == "plain-1.2:3,/x_y@z");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("it's $HOME") == "'it'\\''s $HOME'");
}

TEST_CASE("what no permit opens is no part of a line to copy") {
  const auto permit = [](std::string_view what) {
    return *forward::Permit::parse(std::nullopt, what);
  };
  const std::vector<std::string> both = {"web=8080", "ssh=22"};
  const Case destinations{.targets = both, .permits = {permit("10.0.0.0/8:80")}};
  CHECK(connect_line(destinations) == "hsfwd connect KEY -D 1080");
  CHECK(lines_of(destinations).ssh.empty());
  CHECK(connect_line({.targets = both, .permits = {permit("web"), permit("10.0.0.0/8:80")}}) ==
        "hsfwd connect KEY -L 8080");
  CHECK(connect_line({.targets = both, .permits = {permit("*")}}) ==
        "hsfwd connect KEY -L 8080:web -L 8022:ssh");
}
