// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/targets.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "platform/directories.hpp"
#include "unit/cli/plans.hpp"
#include "unit/platform/scratch.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kKey = "a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd";

template <class F>
UserError error_of(F&& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error;
  }
  FAIL("no error");
  return {};
}

CommandLine line_of(const std::vector<std::string>& words) {
  CommandLine line("hsfwd test WORD", "A test.");
  line.add_node_options();
  line.add_identity_options();
  line.add_output_options();
  line.positional("word", 1, {});
  const bool parsed = line.parse(words);
  REQUIRE(parsed);
  return line;
}

}  // namespace

TEST_CASE("flags are understood, repeated where that makes sense") {
  const auto line = line_of({"--bootstrap", "1.2.3.4:5", "--bootstrap=5.6.7.8@host:9", "word", "-v",
                             "--port", "0", "--host", "127.0.0.1", "--json"});
  const Options options = node_options(line);
  REQUIRE(options.bootstrap.size() == 2);
  CHECK(options.bootstrap[0].to_string() == "1.2.3.4:5");
  CHECK(options.bootstrap[1].suggested == net::Ipv4::of(5, 6, 7, 8));
  CHECK(options.port == 0);
  CHECK(!options.any_port);
  CHECK(options.host == net::Ipv4::loopback());
  CHECK(output_options(line).json);
  CHECK(output_options(line).level == LogLevel::kDebug);
  CHECK(line.texts("word") == std::vector<std::string>{"word"});
}

TEST_CASE("without flags the public network and the usual port are meant") {
  const Options options = node_options(line_of({}));
  CHECK(options.bootstrap.size() == public_bootstrap().size());
  CHECK(options.port == 49737);
  CHECK(options.any_port);
}

TEST_CASE("flags that make no sense are usage errors that name them") {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--bootstrp", "x"}, "--bootstrp"},
      {{"--boot", "1.2.3.4:5"}, "--boot"},  // no guessing: a later flag could change its meaning
      {{"--port"}, "--port"},
      {{"--port", "1", "--port", "2"}, "--port"},
      {{"--port", "65536"}, "--port 65536"},
      {{"--port", "-1"}, "--port"},
      {{"--port", "1x"}, "--port 1x"},
      {{"--host", "300.0.0.1"}, "--host 300.0.0.1"},
      {{"--host", "::1"}, "--host ::1"},
      {{"--bootstrap", "1.2.3.4"}, "1.2.3.4"},
      {{"--bootstrap", "1.2.3.4:0"}, "1.2.3.4:0"},
      {{"--log-format", "xml"}, "--log-format xml"},
      {{"--identity", "a", "--name", "b"}, "--identity and --name"},
      {{"--name", "../../etc/passwd"}, "--name"},
      {{"--json=maybe"}, "--json"},
      {{"--name", ""}, "--name is empty"},
      {{"--identity", ""}, "--identity is empty"},
      {{"-v", "-q"}, "--quiet and --verbose cannot be combined"},
      {{"--quiet", "--trace"}, "--quiet and --trace cannot be combined"},
      {{"a", "b", "c"}, "unexpected argument 'b'; usage: hsfwd test WORD"},
  };
  for (const auto& [words, says] : cases) {
    CAPTURE(words);
    const UserError error = error_of([&] {
      const auto line = line_of(words);
      output_options(line);
      node_options(line);
      identity_path(line);
    });
    CHECK(error.exit_code == kUsage);
    CHECK(error.code == "USAGE");
    CHECK_THAT(error.message, Contains(says));
  }
}

TEST_CASE("an error is short, however much was typed") {
  const std::string typed(10'000, 'x');
  const std::vector<std::string> cases[] = {
      {"--port", typed}, {"--host", typed},   {"--log-format", typed}, {"--bootstrap", typed},
      {"--" + typed},    {"--json=" + typed}, {"word", typed},         {"--name", typed + "/"},
  };
  for (const auto& words : cases) {
    CAPTURE(words[0].substr(0, 20));
    const UserError error = error_of([&] {
      const auto line = line_of(words);
      output_options(line);
      node_options(line);
      identity_path(line);
    });
    CHECK(error.message.size() < 200);
  }
  CHECK(PeerReference::parse(typed).error().size() < 200);
  for (const std::string& text :
       {"[[expose]]\nservices = '" + typed + "'",
        "[[expose]]\nservices = '1'\nallow = '" + typed + "'",
        "[[connect]]\npeer = '" + std::string(kKey) + "'\nlisten = '" + typed + ":'",
        "bootstrap = '" + typed + "'"}) {
    CHECK(error_of([&] { plan_of(text); }).message.size() < 300);
  }
}

TEST_CASE("a peer is a key in any of its forms") {
  const auto key = *hyperdht::parse_key(kKey);
  CHECK(PeerReference::parse(kKey)->key == key);
  CHECK(PeerReference::parse(hyperdht::key_text(key))->key == key);
  CHECK(PeerReference::parse("pear://" + hyperdht::key_text(key) + "/some/where")->key == key);
  CHECK(PeerReference::parse("hs://0000" + hyperdht::key_text(key))->key == key);
  CHECK(!PeerReference::parse(kKey)->identity);
  // A secret from which both ends make the one key pair they share.
  const PeerReference shared = *PeerReference::parse("hs://s000" + hyperdht::key_text(key));
  REQUIRE(shared.identity);
  CHECK(shared.identity->public_key == shared.key);
  CHECK(shared.key != key);
  for (const std::string text :
       {"", "x", "hs://", "hs://0000", "hs://0000xyz", "pear://", "A5FA", "not a key"}) {
    CAPTURE(text);
    const UserError error = error_of([&] { peer_argument(text); });
    CHECK(error.exit_code == kUsage);
    CHECK(error.code == "BAD_KEY");
    CHECK_THAT(error.message, Contains("'" + text + "' is n"));
  }
}

TEST_CASE("a key that is nearly one is told what it lacks, wherever it is taken") {
  const std::string hex = kKey;
  const std::string z32 = hyperdht::key_text(*hyperdht::parse_key(kKey));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {hex.substr(1), "this has 63 characters, 1 too few"},
      {hex + "0", "this has 65 characters, 1 too many"},
      {z32.substr(2), "this has 50 characters, 2 too few"},
      {z32 + "y", "this has 53 characters, 1 too many"},
      {"hs://0000" + z32.substr(1), "this has 51 characters, 1 too few"},
      {"pear://" + z32.substr(1), "this has 51 characters, 1 too few"},
      {"g" + hex.substr(1), "not a hexadecimal digit"},
      {"l" + z32.substr(1), "a character that a key cannot have there"},
  };
  for (const auto& [text, says] : cases) {
    CAPTURE(text);
    CHECK_THAT(PeerReference::parse(text).error(), Contains(says));
    CHECK_THAT(error_of([&] { plan_of("[peer.x]\nkey = '" + text + "'\n"); }).message,
               Contains(says));
    CHECK_THAT(error_of([&] { plan_of("relay_through = '" + text + "'\n"); }).message,
               Contains(says));
    const platform::Scratch scratch;
    std::ofstream(scratch.path + "/peer") << text;
    CHECK_THAT(error_of([&] { peer_argument("@" + scratch.path + "/peer"); }).message,
               Contains(says));
  }
  CHECK_THAT(PeerReference::parse("office").error(), !Contains("too few"));
}

TEST_CASE("a connection string with a secret is told by its key") {
  const std::string secret(64, 'f');
  const std::string text = "hs://s000" + secret;
  const PeerReference peer = *PeerReference::parse(text);
  CHECK(peer.name == hyperdht::key_text(peer.key));
  CHECK(PeerReference::parse(kKey)->name == kKey);
  const Plan plan = plan_of("[peer.office]\nkey = '" + text + "'\n[[connect]]\npeer = '" + text +
                            "'\nlisten = '0'\n[[connect]]\npeer = 'office'\nlisten = '0'\n");
  const auto connects = specs_of<ConnectSpec>(plan);
  CHECK(connects[0]->peer.name == peer.name);
  CHECK(connects[1]->peer.name == "office");
  // And where it is a mistake.
  for (const std::string& typed : {"HS://s000" + secret, " hs:/s000" + secret, "s000" + secret,
                                   "--allow=" + text, "-L" + text}) {
    CAPTURE(typed);
    CHECK_THAT(told("'" + typed + "' is no key"), !Contains("fff") && Contains("is no key"));
  }
  CHECK(told("no hs:// string, and no secret: s000, /paths/some000, hs://0000" + secret) ==
        "no hs:// string, and no secret: s000, /paths/some000, hs://0000" + secret);
  CHECK(told(told("'" + text + "'")) == "'hs://s...'");
  CHECK(line_of({"hs://s000" + secret}).shows_secret());
  CHECK(!line_of({kKey}).shows_secret());
}

TEST_CASE("UDP stands in a file beside TCP, with how long its flows are kept") {
  const std::string connect = std::string("[[connect]]\npeer = '") + kKey + "'\n";
  const Plan plan = plan_of("[[expose]]\nservices = ['dns=udp:53', '53']\nudp_idle = 60\n" +
                            connect + "listen = ['udp:5353:dns', '5353']\nudp_idle = 90\n" +
                            connect + "listen = 'udp:5354'\n");
  const auto exposes = specs_of<ExposeSpec>(plan);
  CHECK(exposes[0]->has_udp());
  CHECK(exposes[0]->udp_idle == 60_s);
  CHECK(exposes[0]->services[0].target.to_string() == "udp:localhost:53");
  const auto connects = specs_of<ConnectSpec>(plan);
  CHECK(connects[0]->key() == "udp:127.0.0.1:5353");
  CHECK(connects[0]->udp_idle == 90_s);
  CHECK(connects[1]->key() == "127.0.0.1:5353");
  CHECK(connects[2]->udp_idle == kUsualUdpIdle);
  const std::pair<std::string, const char*> mistakes[] = {
      {"[[expose]]\nservices = '53'\nudp_idle = 60\n",
       "udp_idle applies to UDP, and services has none"},
      {"[[expose]]\nservices = 'udp:53'\nudp_idle = 0\n", "udp_idle must be 1 to 86400"},
      {connect + "listen = '53'\nudp_idle = 60\n", "udp_idle applies to UDP, and listen has none"},
      {connect + "listen = ['udp:53', 'udp:0.0.0.0:53']\n",
       "udp:0.0.0.0:53 is taken by another listen"}};
  for (const auto& [text, says] : mistakes) {
    const std::string file = text;
    CHECK_THAT(error_of([&] { plan_of(file); }).message, Contains(says));
  }
}

TEST_CASE("a peer may stand in a file, which is kept to its owner if it has a secret") {
  const platform::Scratch scratch;
  const std::string file = scratch.path + "/peer";
  const auto write = [&](const std::string& text, mode_t mode) {
    std::ofstream(file) << text;
    REQUIRE(chmod(file.c_str(), mode) == 0);
  };
  write(std::string(kKey) + "\n", 0644);
  CHECK(peer_argument("@" + file).key == *hyperdht::parse_key(kKey));
  CHECK(peer_argument(kKey).key == *hyperdht::parse_key(kKey));

  const std::string secret = "hs://s000" + std::string(64, 'f');
  write(secret + "\n", 0600);
  const PeerReference peer = peer_argument("@" + file);
  CHECK(peer.key == PeerReference::parse(secret)->key);
  CHECK(peer.identity);
  CHECK(peer.name == hyperdht::key_text(peer.key));
  const Plan plan = plan_of("[peer.office]\nkey_file = '" + file +
                            "'\n[[connect]]\npeer = 'office'\nlisten = '0'\n");
  const auto connects = specs_of<ConnectSpec>(plan);
  CHECK(connects[0]->peer.key == peer.key);
  CHECK(connects[0]->peer.identity);

  write(secret, 0644);
  const UserError open = error_of([&] { peer_argument("@" + file); });
  CHECK(open.exit_code == kBadConfig);
  CHECK_THAT(open.message, Contains(file) && Contains("others can read it"));
  write("hs:/s000" + std::string(64, 'f'), 0600);
  const UserError bad = error_of([&] { peer_argument("@" + file); });
  CHECK_THAT(bad.message, Contains("has no key") && !Contains("fff"));
  CHECK_THAT(error_of([&] { peer_argument("@" + file + "-"); }).message,
             Contains("does not exist"));
  CHECK_THAT(error_of([&] { plan_of("[peer.x]\nkey_file = '/nowhere/at/all'\n"); }).message,
             Contains("hsfwd.toml:2: key file '/nowhere/at/all': does not exist"));
}

TEST_CASE("a secret in a configuration that others can read is warned of, with its line") {
  const platform::Scratch scratch;
  const std::string file = scratch.path + "/hsfwd.toml";
  std::ofstream(file) << "identity = '/nowhere/id'\n[[connect]]\nlisten = '1'\npeer = 'hs://s000"
                      << std::string(64, 'f') << "'\n";
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  const Plan open = load_plan(file);
  REQUIRE(open.warnings.size() == 1);
  CHECK_THAT(open.warnings[0], Contains(file + ":4: ") && Contains("others can read it") &&
                                   Contains("key_file") && !Contains("fff"));
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  CHECK(load_plan(file).warnings.empty());
  std::ofstream(file) << "identity = '/nowhere/id'\n[[connect]]\nlisten = '1'\npeer = '" << kKey
                      << "'\n";
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK(load_plan(file).warnings.empty());
}

TEST_CASE("a host that seems to be meant as a name has a hint") {
  const auto hint = [](const char* target) { return name_hint(*parse_service(target)); };
  CHECK(hint("web:8080") == "web:8080 means the host web; to name a local service, write web=8080");
  for (const char* target : {"8080", "web=8080", "web=web:8080", "localhost:80", "10.0.0.1:80",
                             "a.example:80", "[::1]:80", "unix:/run/80"}) {
    CAPTURE(target);
    CHECK(hint(target).empty());
  }
}

TEST_CASE("a plan has every value understood") {
  const Plan plan =
      plan_of(fmt::format("identity = '/id'\nbootstrap = '1.2.3.4:5'\n[peer.bob]\nkey = '{}'\n"
                          "[[expose]]\nservices = ['web=8080']\nallow = 'bob'\n"
                          "[[connect]]\npeer = 'bob'\nlisten = ['0:ssh', 'unix:/tmp/s', '0', '7', "
                          "'[::1]:7', '10.0.0.1:7']\n",
                          kKey));
  CHECK(plan.identity == "/id");
  const auto exposes = specs_of<ExposeSpec>(plan);
  REQUIRE(exposes.size() == 1);
  CHECK(exposes[0]->identity == "/id");
  CHECK(exposes[0]->services[0].target.to_string() == "localhost:8080");
  CHECK(exposes[0]->policy == forward::Policy({*hyperdht::parse_key(kKey)}));
  const auto connects = specs_of<ConnectSpec>(plan);
  REQUIRE(connects.size() == 6);
  CHECK(connects[0]->peer.name == "bob");
  CHECK(connects[0]->forward.service == "ssh");
  CHECK(connects[1]->peer.name == "bob");
  CHECK(connects[1]->forward.listen.path == "/tmp/s");
}

TEST_CASE("an identity of a plan is where the file says, wherever the program is started") {
  const auto identity_of = [](const std::string& path, const std::string& file) {
    const auto config = parse_config(
        fmt::format("identity = '{}'\n[[expose]]\nservices = ['80']\nidentity = '{}-two'\n", path,
                    path),
        file);
    REQUIRE(config.ok());
    const Plan plan = make_plan(*config, file);
    CHECK(specs_of<ExposeSpec>(plan).at(0)->identity == plan.identity + "-two");
    return plan.identity;
  };
  CHECK(identity_of("/var/id", "/etc/hsfwd/hsfwd.toml") == "/var/id");
  CHECK(identity_of("id", "/etc/hsfwd/hsfwd.toml") == "/etc/hsfwd/id");
  CHECK(identity_of("../id", "/etc/hsfwd/hsfwd.toml") == "/etc/id");
  CHECK(identity_of("id", "hsfwd.toml") == (std::filesystem::current_path() / "id").string());
  CHECK(identity_of("~/keys/id", "/etc/hsfwd/hsfwd.toml") ==
        platform::home_directory() + "/keys/id");
}

TEST_CASE("a plan with a mistake names file, line and what would be right") {
  const std::string key = kKey;
  const std::pair<std::string, const char*> cases[] = {
      {"", "hsfwd.toml: nothing to do"},
      {"bootstrap = '1.2.3.4:99999'\n",
       "hsfwd.toml:1: bootstrap '1.2.3.4:99999': '99999' is not a valid port (1-65535)"},
      {"bootstrap = 'here'\n", "hsfwd.toml:1: bootstrap 'here': must be HOST:PORT"},
      {"\nhost = 'here'\n", "hsfwd.toml:2: host must be an IPv4 address"},
      {"port = -1\n", "hsfwd.toml:1: port must be 0 to 65535"},
      // Also when nothing refers to the name.
      {"[peer.bob]\nkey = 'x'\n", "hsfwd.toml:2: 'x' is not a key"},
      {"[[expose]]\nservices = '22'\nallow = 'bob'\n",
       "hsfwd.toml:3: 'bob' is not a key; expected 64 hexadecimal digits, 52 z-base-32 characters "
       "or hs://...; no [peer.NAME] has that name"},
      {"[[expose]]\nservices = ['22', 'x=99999']\n", "hsfwd.toml:2: service 'x=99999'"},
      {"[[expose]]\nservices = ['a=1', 'a=2']\n", "hsfwd.toml:2: two services are called 'a'"},
      {"[[expose]]\nservices = '1'\n\n[[expose]]\nservices = '2'\n",
       "hsfwd.toml:4: two [[expose]] have the same identity"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = ['1', ':']\n", "hsfwd.toml:3: listen ':'"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = ['1:a',\n'127.0.0.1:1:b']\n",
       "hsfwd.toml:4: listen '127.0.0.1:1:b': 127.0.0.1:1 is taken by another listen"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = ['10.0.0.1:1', '0.0.0.0:1']\n",
       "hsfwd.toml:3: listen '0.0.0.0:1': 0.0.0.0:1 is taken by another listen"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = 'unix:/s'\n[[connect]]\npeer = '" + key +
           "'\nlisten = 'unix:/s:a'\n",
       "hsfwd.toml:6: listen 'unix:/s:a': unix:/s is taken by another listen"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = ['localhost:1', '[::1]:1']\n",
       "hsfwd.toml:3: listen '[::1]:1': [::1]:1 is taken by another listen"},
      {"[[connect]]\npeer = '" + key + "'\nlisten = ['1', '[::]:1']\n",
       "hsfwd.toml:3: listen '[::]:1': [::]:1 is taken by another listen"},
  };
  for (const auto& [text, says] : cases) {
    CAPTURE(text);
    const UserError error = error_of([&, t = text] { plan_of(t); });
    CHECK(error.exit_code == kBadConfig);
    CHECK_THAT(error.message, Catch::Matchers::StartsWith(says));
  }
}
