// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using Catch::Matchers::Contains;

namespace {

using Type = config::Key::Type;

constexpr config::Key kExposeKeys[] = {
    {.name = "services", .type = Type::kTexts, .needed = "services, such as one"},
    {.name = "allow",
     .type = Type::kTexts,
     .instead = "leave it out to let everybody in, or name at least one key"},
    {.name = "identity"},
    {.name = "client_relays", .type = Type::kBoolean}};
constexpr config::Key kConnectKeys[] = {
    {.name = "peer", .needed = "a peer"},
    {.name = "listen", .type = Type::kTexts, .needed = "listen, such as one"}};
constexpr config::Shape kShapes[] = {{"expose", kExposeKeys}, {"connect", kConnectKeys}};

Result<config::Config, config::ConfigError> parse(const std::string& text) {
  return config::parse(text, "hsfwd.toml", kShapes);
}

std::string error_of(const std::string& text) {
  const auto config = parse(text);
  REQUIRE(!config.ok());
  return config.error().to_string();
}

}  // namespace

TEST_CASE("a file with everything in it is read with its line numbers") {
  const auto config = parse(R"(identity = "/tmp/id"
bootstrap = ["127.0.0.1:49737", "example.org:1"]
host = "10.0.0.1"
port = 0

[peer.bob]
key = "k"

[[expose]]
services = ["22", "web=8080"]
allow = "bob"
identity = "/tmp/other"
client_relays = false

[[connect]]
peer = "bob"
listen = "2222"
)");
  REQUIRE(config.ok());
  CHECK(config->identity->value == "/tmp/id");
  REQUIRE(config->bootstrap.size() == 2);
  CHECK(config->bootstrap[1].value == "example.org:1");
  CHECK(config->host->value == "10.0.0.1");
  CHECK(config->port->value == 0);
  CHECK(config->peers.at("bob").key == "k");
  CHECK(config->peers.at("bob").line == 7);
  REQUIRE(config->tunnels.size() == 2);
  const config::Section& expose = config->tunnels[0];
  CHECK(expose.name() == "expose");
  CHECK(expose.line() == 9);
  REQUIRE(expose.texts("services").size() == 2);
  CHECK(expose.texts("services")[1].value == "web=8080");
  CHECK(expose.texts("services")[1].line == 10);
  CHECK(expose.texts("allow")[0].value == "bob");
  CHECK(expose.text("identity")->value == "/tmp/other");
  CHECK(expose.text("identity")->line == 12);
  CHECK(expose.boolean("client_relays") == false);
  std::vector<std::string> texts;
  for (const auto& text : expose.all_texts()) texts.push_back(text.value);
  CHECK(texts == std::vector<std::string>{"22", "web=8080", "bob", "/tmp/other"});
  const config::Section& connect = config->tunnels[1];
  CHECK(connect.name() == "connect");
  CHECK(connect.text("peer")->value == "bob");
  CHECK(connect.texts("listen")[0].line == 17);
  CHECK(!connect.has("identity"));
  CHECK(!connect.text("identity"));
  CHECK(connect.texts("services").empty());
  CHECK(!connect.boolean("client_relays"));
}

TEST_CASE("sections are in the order of their shapes, whatever the file's") {
  const auto config = parse(
      "[[connect]]\npeer = 'a'\nlisten = '1'\n[[expose]]\nservices = '1'\n"
      "[[connect]]\npeer = 'b'\nlisten = '1'\n");
  REQUIRE(config.ok());
  REQUIRE(config->tunnels.size() == 3);
  CHECK(config->tunnels[0].name() == "expose");
  CHECK(config->tunnels[1].text("peer")->value == "a");
  CHECK(config->tunnels[2].text("peer")->value == "b");
  // One that has no shape is no section.
  const auto without = config::parse("[[expose]]\nservices = '1'", "hsfwd.toml", {});
  REQUIRE(!without.ok());
  CHECK_THAT(without.error().to_string(), Contains("unknown key 'expose'"));
}

TEST_CASE("unknown keys are mistakes everywhere, with a hint at the right one") {
  CHECK(error_of("bootstap = []") ==
        "hsfwd.toml:1: unknown key 'bootstap'; did you mean 'bootstrap'?");
  CHECK_THAT(error_of("\nwindow = 1"),
             Contains("hsfwd.toml:2: unknown key 'window'; known keys are"));
  CHECK_THAT(
      error_of("[[expose]]\nservice = '22'"),
      Contains("hsfwd.toml:2: unknown key 'service' in [[expose]]; did you mean 'services'?"));
  CHECK_THAT(error_of("[[connect]]\npeer = 'x'\nlisten = '1'\nport = 1"),
             Contains("hsfwd.toml:4: unknown key 'port' in [[connect]]"));
  CHECK_THAT(error_of("[peer.bob]\nkey = 'x'\nname = 'y'"),
             Contains("hsfwd.toml:3: unknown key 'name' in [peer.bob]"));
  CHECK_THAT(error_of("\n[peer.my.home]\nkey = 'x'"),
             Contains("hsfwd.toml:2: a name with a dot stands in quotes: [peer.\"my.home\"]"));
}

TEST_CASE("a value of the wrong type is named, with the type that would be right") {
  CHECK_THAT(error_of("identity = 5"), Contains(":1: 'identity' must be a string"));
  CHECK_THAT(error_of("bootstrap = [1]"), Contains("'bootstrap' must be a list of strings"));
  CHECK_THAT(error_of("bootstrap = 1"), Contains("must be a string or a list of strings"));
  CHECK_THAT(error_of("port = '1'"), Contains("'port' must be a whole number"));
  CHECK_THAT(error_of("port = 1.0"), Contains("'port' must be a whole number"));
  CHECK_THAT(error_of("[[expose]]\nservices = '1'\nclient_relays = 'no'"),
             Contains(":3: 'client_relays' in [[expose]] must be true or false"));
  CHECK_THAT(error_of("peer = 1"), Contains("'peer' must be a table"));
  CHECK_THAT(error_of("[peer]\nbob = 'key'"), Contains(":2: write [peer.bob] and key = below it"));
  CHECK_THAT(error_of("[expose]\nservices = '1'"), Contains("write [[expose]], with two brackets"));
  CHECK_THAT(error_of("expose = [1]"), Contains("'expose' must be a list of tables"));
  CHECK_THAT(error_of("[[expose]]\nservices = [22]"),
             Contains(":2: 'services' in [[expose]] must be a list of strings"));
}

TEST_CASE("what is missing is named") {
  CHECK_THAT(error_of("\n[[expose]]"), Contains("hsfwd.toml:2: [[expose]] needs services"));
  CHECK_THAT(error_of("[[connect]]\nlisten = '1'"), Contains("[[connect]] needs a peer"));
  CHECK_THAT(error_of("[[connect]]\npeer = 'x'"), Contains("[[connect]] needs listen"));
  CHECK_THAT(error_of("[peer.bob]"), Contains("[peer.bob] needs a key or a key_file, a file"));
  CHECK_THAT(error_of("[peer.bob]\nkey = 'x'\nkey_file = 'x'"), Contains("not both"));
}

TEST_CASE("an empty list is no list that was left out") {
  CHECK(
      error_of("[[expose]]\nservices = '1'\nallow = []") ==
      "hsfwd.toml:3: 'allow' in [[expose]] is empty: leave it out to let everybody in, or name at "
      "least one key");
  CHECK(error_of("bootstrap = []") ==
        "hsfwd.toml:1: 'bootstrap' is empty: leave it out for the public DHT, or name at least one "
        "HOST:PORT");
  CHECK_THAT(error_of("[[expose]]\nservices = []"), Contains("[[expose]] needs services"));
  CHECK_THAT(error_of("[[connect]]\npeer = 'x'\nlisten = []"), Contains("needs listen"));
  // No relays is what it says.
  CHECK(parse("relay_through = []")->relay_through.empty());
}

TEST_CASE("what is no TOML is reported with its line") {
  CHECK_THAT(error_of("host = \"a\"\nidentity = \n"), Contains("hsfwd.toml:2: "));
  CHECK_THAT(error_of("a = 1\na = 2\n"), Contains("hsfwd.toml:2: "));
  CHECK_THAT(error_of("x = \"\xff\"\n"), Contains("hsfwd.toml:1: "));
  // Nested deeper than any stack would bear.
  CHECK_THAT(error_of("x = " + std::string(100'000, '[')), Contains("hsfwd.toml:1: "));
}

TEST_CASE("common mistakes in TOML are told in plain words") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"identity = /var/lib/id", "a value is text in quotes, a number, true, false or a list"},
      {"identity = file", "a value is text in quotes, a number, true, false or a list"},
      {"identity = \"abc", "a closing quote is missing"},
      {"identity = 'abc\nport = 1", "a closing quote is missing"},
      {"identity = \"C:\\path\"",
       "unknown escape sequence '\\p'; write \\\\ for a backslash, or use single quotes"},
      {"port = 1\nport = 2", "'port' is set twice"},
      {"port", "expected KEY = VALUE"},
      {"port = \nhost = 'a'", "expected KEY = VALUE"},
      {"port: 1", "expected KEY = VALUE"},
      {"port = 1 2", "expected nothing more after the value"},
      {"listen = ['1'", "the file ends within this array"},
      {"[peer.a b]", "invalid table header: expected ']', saw 'b'"},
  };
  for (const auto& [text, says] : cases) {
    CAPTURE(text);
    const std::string error = error_of(text);
    CHECK(error.substr(error.find(' ') + 1) == says);
  }
}

TEST_CASE("a key that begins as no key does is a mistake and no broken assertion") {
  for (const std::string text : {"[[#expose]]", "[#a]", "[.a]", "[a.#b]", "a.#b = 1", "[", "[[",
                                 "a.", "[\n", "[[\n]]", "= 1", "]", "x = { # }", "x = {#a=1}"}) {
    CAPTURE(text);
    CHECK_THAT(error_of("\n" + text), Contains("hsfwd.toml:"));
  }
}

TEST_CASE("letters beyond ASCII stand in quotes and comments, and nowhere else") {
  for (const std::string letter : {"\xc3\xa4", "\xd1\xbe", "\xe2\x80\x83", "\xef\xbb\xb7"}) {
    CAPTURE(letter);
    CHECK(parse("# " + letter + "\nidentity = '" + letter + "'").ok());
    for (const std::string& text :
         {letter + " = 1", "identity = 'x' " + letter, "identity = " + letter, "[" + letter + "]",
          "port = 2/'" + letter}) {
      CHECK_THAT(error_of("\n" + text), Contains("hsfwd.toml:2: "));
    }
  }
}

TEST_CASE("a mistake is one line, whatever was written") {
  CHECK(error_of("\"a\\nb\" = 1").find('\n') == std::string::npos);
  CHECK(error_of("[peer.\"a\\nb\"]\n").find('\n') == std::string::npos);
}

TEST_CASE("quotes of word processors are named, where they stand for plain ones") {
  for (const std::string text :
       {"identity = “/x”", "identity = \"/x”", "identity = “/x\"", "identity = ‘/x’",
        "“identity” = '/x'", "[peer.“bob”]", "identity = «/x»", "bootstrap = ['a', ”b”]"}) {
    CAPTURE(text);
    CHECK_THAT(error_of("\n" + text + "\n"), Contains("hsfwd.toml:2: ") &&
                                                 Contains(" is a typographic quote") &&
                                                 Contains("write \" or '"));
  }
  CHECK_THAT(error_of("host = “a’"), Contains(":1: “ is a typographic quote"));
  // Elsewhere they are letters as others.
  CHECK(parse("# “ ‘\nidentity = \"“it’s”\" # ’").ok());
  CHECK_THAT(error_of("identity = 'it’s' 'x'"), !Contains("typographic"));
  CHECK_THAT(error_of("identity = # “x”"), !Contains("typographic"));
}
