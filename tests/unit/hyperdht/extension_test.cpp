// SPDX-License-Identifier: Apache-2.0
// The block that docs/protocol/forward.md describes.
#include <catch2/catch.hpp>

#include "codec/writer.hpp"
#include "hyperdht/extension.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using hsfwd::hyperdht::Extension;

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

TEST_CASE("no block, another magic, another version or a broken body: a plain peer") {
  CHECK(!read(""));
  CHECK(!read("68736677650106000377656200"));
  CHECK(!read("68736677640206000377656200"));
  CHECK(!read("68736677640106000377"));
  CHECK(!read("68736677640103000f77"));
}
