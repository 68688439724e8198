// SPDX-License-Identifier: Apache-2.0
#include "cli/redaction.hpp"

#include <catch2/catch.hpp>

#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

const std::string kSeed(64, 'a');
const std::vector<std::string_view> kKnown = {"key", "services", "listen", "peer", "secret"};

std::string shown(std::string_view text) {
  return Redaction(false).text(text);
}
std::string toml(std::string_view text) {
  return Redaction(false).toml(text, kKnown);
}

PublicKey key_of(std::uint8_t byte) {
  return PublicKey::from(Bytes(32, byte));
}

}  // namespace

TEST_CASE("what could be a key in digits is left out, and what is shorter stays") {
  CHECK(shown("seed is " + kSeed + "!") == "seed is (64 hexadecimal digits)!");
  CHECK(shown("x" + kSeed + "x") == "x(64 hexadecimal digits)x");
  CHECK(shown(kSeed + kSeed) == "(128 hexadecimal digits)");
  CHECK(shown("cut short: " + kSeed.substr(0, 40)) == "cut short: (40 hexadecimal digits)");
  CHECK(shown("commit 0123456789abcdef01234567") == "commit 0123456789abcdef01234567");
  CHECK(shown("a1B2" + std::string(40, 'x')) == "(44 characters)");
  const std::string key = key_text(key_of(9));
  CHECK(shown("listening as " + key) == "listening as " + key);
}

TEST_CASE("a connection string is left out, as is what a caller knows to be a secret") {
  CHECK(shown("connect hs://s000" + kSeed + " -L 1").find("aaaa") == std::string::npos);
  Redaction redaction(false);
  redaction.add_secret("correct horse");
  redaction.add_secret("");
  CHECK(redaction.text("it is 'correct horse'") == "it is '(left out)'");
}

TEST_CASE("the value of what is called a secret is left out") {
  CHECK(shown("password=hunter2 and so on") == "password=(left out) and so on");
  CHECK(shown("{\"seed\":\"hunter2\",\"port\":1}") == "{\"seed\":(left out),\"port\":1}");
  CHECK(shown("api_token : 'it is \\' hunter2' x") == "api_token : (left out) x");
  CHECK(shown("foo --seed hunter2 --port 1") == "foo --seed (left out) --port 1");
  CHECK(shown("curl https://me:hunter2@example.org/x") == "curl https://(left out)@example.org/x");
  // Not of a sentence about one.
  CHECK(shown("the string is a secret, and others can read it") ==
        "the string is a secret, and others can read it");
}

TEST_CASE("a home's path does not say whose it is") {
  Redaction redaction(false);
  redaction.add_home("/home/alice/");
  redaction.add_home("/");
  redaction.add_home("");
  CHECK(redaction.text("/home/alice/x /home/alicette /home/alice -c/home/alice/x") ==
        "~/x /home/alicette ~ -c~/x");
}

TEST_CASE("of a configuration there are known values, without comments, on the same lines") {
  CHECK(toml("# my password is hunter2\n[peer.home] # hunter2\nkey = \"abc\" # hunter2\n") ==
        "\n[peer.home] \nkey = \"abc\" \n");
  CHECK(toml("services = [\n  \"web=80\", # hunter2\n  'ssh=22',\n]\n") ==
        "services = [\n  \"web=80\", \n  'ssh=22',\n]\n");
  CHECK(toml("peer.home = { key = \"abc\", pin = \"hunter2\" }\n") ==
        "peer.home = { key = \"abc\", pin = (left out) }\n");
}

TEST_CASE("of a configuration no value is shown whose key is not known, or is a secret's") {
  for (const char* line :
       {"pin = \"hunter2\"", "secret = \"hunter2\"", "\"pin\" = 'hunter2'",
        "a.pin = hunter2 hunter2", "pin = [\"hunter2\", \"hunter2\"]",
        "pin = \"\"\"\nhunter2\n\"\"\"", "pin = '''hunter2\nhunter2'''", "hunter2",
        "hunter2 hunter2\n", "pin: hunter2", "key = \"hunter2", "key = \"\"\"hunter2\nhunter2",
        "key = 1\n'hunter2", "pin = { x = \"hunter2\" }", "pin = \"x\\\"hunter2\"",
        "pin = 2026-hunter2", "x = { pin\n= \"hunter2\""}) {
    const std::string out = toml(line);
    INFO(line);
    INFO(out);
    CHECK(out.find("hunter2") == std::string::npos);
  }
  CHECK(toml("key = \"" + kSeed + "\"\n") == "key = \"(64 hexadecimal digits)\"\n");
}

TEST_CASE(
    "behind a bracket of a configuration that is not closed, or has nothing in it, is no value") {
  const std::vector<std::string_view> known = {"listen", "peer"};
  for (const std::string text : {"listen = ['22'\npsk = 'hunter2'\npeer = 'hunter2'\n",
                                 "x = {}\npsk = 'hunter2'\nlisten = '1'\nother = 'hunter2'\n",
                                 "x = {a = 1, }\nlisten = '1'\nother = 'hunter2'\n",
                                 "x = [\nlisten = '1'\nother = 'hunter2'\n"}) {
    CAPTURE(text);
    CHECK(Redaction(false).toml(text, known).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("peers and hosts may be hidden, each by the same word all through") {
  Redaction redaction(true);
  redaction.add_peer("home", key_of(1));
  redaction.add_host("vps");
  const std::string home = key_text(key_of(1));
  const std::string other = key_text(key_of(2));
  CHECK(redaction.text("home is " + home + ", not " + other) == "peer-1 is peer-1, not peer-2");
  CHECK(redaction.text(other.substr(0, 12) + "... of HOME, homely and home.hsfwd") ==
        "peer-2... of HOME, homely and peer-1.hsfwd");
  CHECK(redaction.text("192.0.2.7:49737, 192.0.2.8 and 192.0.2.7/24") ==
        "host-2:49737, host-3 and host-2/24");
  CHECK(redaction.text("fdae:7d21:d73d::1 and [2001:db8::1]:80") == "host-4 and [host-5]:80");
  CHECK(redaction.text("udp:db.example.org:53 at vps") == "udp:host-6:53 at host-1");
  CHECK(redaction.text("127.0.0.1:80, ::1, 0.0.0.0, localhost:1") ==
        "127.0.0.1:80, ::1, 0.0.0.0, localhost:1");
  CHECK(redaction.text("2026-11-30T19:30:11Z hsfwd.toml 0.1.0 web=8080") ==
        "2026-11-30T19:30:11Z hsfwd.toml 0.1.0 web=8080");
}

TEST_CASE("who is to be hidden is not told by a user's name, a home or a host's name") {
  Redaction redaction(true);
  redaction.add_host("Alices-Laptop.example.org");
  redaction.add_user("alice");
  redaction.add_user("root");
  redaction.add_user("hsfwd");
  redaction.add_home("/home/alice");
  CHECK(redaction.text("it runs as alice: sudo -u alice, not malice, Alice's alice_key alice-x") ==
        "it runs as user-1: sudo -u user-1, not malice, user-1's user-1_key user-1-x");
  CHECK(
      redaction.text("alices-laptop hsfwd[1] at ALICES-LAPTOP.EXAMPLE.ORG, alice@alices-laptop") ==
      "host-1 hsfwd[1] at host-1, user-1@host-1");
  CHECK(redaction.text("/home/alice/a /home/bob/b /srv/home/bob.c/ /home/ root hsfwd") ==
        "~/a /home/user-2/b /srv/home/user-3/ /home/ root hsfwd");
  // Alone it is the report's business that there are names.
  Redaction open(false);
  open.add_user("alice");
  open.add_host("laptop");
  CHECK(open.text("alice at laptop") == "alice at laptop");
}

TEST_CASE("a file is no host, whatever follows its name, and a host is one") {
  Redaction redaction(true);
  redaction.add_file("/etc/my.site");
  CHECK(redaction.text("/x/hsfwd.toml:3: a, hsfwd.toml:3:1, run/up.sock: b, my.site:2: c") ==
        "/x/hsfwd.toml:3: a, hsfwd.toml:3:1, run/up.sock: b, my.site:2: c");
  CHECK(redaction.text("db.example.org:53: no, toml.example.org:1") == "host-1:53: no, host-2:1");
}

TEST_CASE("columns stay below each other, whatever was replaced in them") {
  Redaction redaction(true);
  redaction.add_peer("nas", key_of(1));
  const std::string key = key_text(key_of(1));
  CHECK(redaction.text("PEER  " + std::string(46, ' ') + "  RTT  PATH\n" + key +
                       "   12  lan\nnas  " + std::string(47, ' ') + "   7  direct\n\nnas  end") ==
        "PEER" + std::string(48, ' ') + "  RTT  PATH\npeer-1" + std::string(46, ' ') +
            "   12  lan\npeer-1" + std::string(46, ' ') + "   7  direct\n\npeer-1  end");
  // What is longer than its column moves those behind it, in each line.
  CHECK(redaction.text("A    B  C\nnas  1  x\nnas  2  y") ==
        "A       B  C\npeer-1  1  x\npeer-1  2  y");
  CHECK(redaction.text("one line  \n  indented\n") == "one line  \n  indented\n");
}

TEST_CASE("texts of whatever kind take no long time") {
  Redaction redaction(true);
  for (const char c : {'a', ':', '.', '"', '[', '=', '-', '\n'}) {
    const std::string text(200'000, c);
    redaction.text(text);
    redaction.toml(text, kKnown);
  }
  std::string colons;
  for (int i = 0; i < 50'000; ++i) colons += "a:b.c";
  CHECK(redaction.text(colons) == "(left out)");
  std::string stairs;
  for (std::size_t i = 0; i < 500; ++i) stairs += std::string(i, ' ') + "a  b  192.0.2.1\n";
  CHECK(redaction.text(stairs).size() > stairs.size() / 2);
}
