// SPDX-License-Identifier: Apache-2.0
// The block that docs/protocol/forward.md describes.
#include <catch2/catch.hpp>

#include "codec/writer.hpp"
#include "hyperdht/wire/extension.hpp"
#include "hyperdht/wire/farewell.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using hsfwd::hyperdht::Extension;
using hsfwd::hyperdht::Farewell;

namespace {

std::optional<Extension> read(std::string_view hex) {
  const auto bytes = from_hex(hex);
  REQUIRE(bytes);
  return Extension::read(*bytes);
}

}  // namespace

TEST_CASE("the extension block is laid out as documented") {
  const Extension asks{.service = "web"};
  CHECK(to_hex(codec::encode([&](codec::Writer& w) { asks.write(w); })) ==
        "68736677640106000377656200");
  const auto back = read("68736677640106000377656200");
  REQUIRE(back);
  CHECK(back->features == 0);
  CHECK(back->service == "web");
  CHECK(back->services.empty());
}

TEST_CASE("bytes behind the known fields of an extension block are ignored") {
  const auto longer = read("6873667764010805037765620101610755");
  REQUIRE(longer);
  CHECK(longer->features == 5);
  CHECK(longer->services == std::vector<std::string>{"a"});
}

TEST_CASE("a stamp stands behind the services, and may be absent or cut") {
  const Extension asks{
      .features = Extension::kFirstRecord, .service = "web", .stamp = 1'700'000'000'000'000};
  const std::string hex =
      "687366776401"
      "0f"
      "0803776562"
      "00"
      "ff00401e18240a0600";
  CHECK(to_hex(codec::encode([&](codec::Writer& w) { asks.write(w); })) == hex);
  CHECK(read(hex)->stamp == 1'700'000'000'000'000);
  CHECK(!read("6873667764010a080377656200ff00401e")->stamp);
  CHECK(!read("687366776401060803776562"
              "00")
             ->stamp);
}

TEST_CASE("which services are UDP stands last, a bit for each, and may be absent") {
  Extension answer{.service = "", .services = {"a", "b", "c"}};
  for (std::size_t i = 0; i < 3; ++i) answer.say_udp(i, i == 1);
  const std::string hex =
      "687366776401"
      "0d"
      "0000"
      "03016101620163"
      "0000"
      "0102";
  CHECK(to_hex(codec::encode([&](codec::Writer& w) { answer.write(w); })) == hex);
  const auto back = read(hex);
  REQUIRE(back);
  CHECK(back->is_udp("a") == false);
  CHECK(back->is_udp("b") == true);
  CHECK(back->is_udp("c") == false);
  CHECK(!back->is_udp("d"));
  CHECK(back->resume.empty());
  CHECK(!read("687366776401"
              "09"
              "0000"
              "03016101620163")
             ->is_udp("a"));
  Extension many;
  for (std::size_t i = 0; i < 20; ++i) {
    many.services.push_back(std::to_string(i));
    many.say_udp(i, i == 8 || i == 19);
  }
  CHECK(to_hex(many.udp) == "000108");
  CHECK(many.is_udp("19") == true);
}

TEST_CASE("no block, another magic, another version or a broken body: a plain peer") {
  CHECK(!read(""));
  CHECK(!read("68736677650106000377656200"));
  CHECK(!read("68736677640206000377656200"));
  CHECK(!read("68736677640106000377"));
  CHECK(!read("68736677640103000f77"));
}

TEST_CASE("a farewell is laid out as documented, and what comes is one line of bounded length") {
  const std::string hex =
      "6873667764011f73657276696365207765623a20436f6e6e656374696f6e2072656675736564";
  const Farewell refused{"service web: Connection refused"};
  CHECK(to_hex(refused.as_message()) == hex);
  CHECK(to_hex(refused.encode()) == hex.substr(10));
  const auto text_of = [](const std::string& from_hex_text) {
    const auto bytes = from_hex(from_hex_text);
    REQUIRE(bytes);
    const auto inside = Farewell::in_message(*bytes);
    const auto farewell = inside ? Farewell::decode(*inside) : std::nullopt;
    return farewell ? farewell->text : "none";
  };
  CHECK(text_of(hex) == "service web: Connection refused");
  CHECK(text_of(hex + "00ff") == "service web: Connection refused");
  CHECK(text_of("68736677640102610a") == "a\\n");
  CHECK(text_of("687366776402016161") == "none");
  CHECK(text_of("6873667765010161") == "none");
  CHECK(text_of("68736677640105") == "none");
  CHECK(text_of("") == "none");
  CHECK(Farewell{std::string(1000, 'x')}.encode().size() < 220);
  Bytes longer = Farewell{std::string(200, 'x')}.encode();
  CHECK(Farewell::decode(longer)->text.size() == 200);
}
