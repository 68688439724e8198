// SPDX-License-Identifier: Apache-2.0
// What a holesail server says of its service, read and written.
#include "cli/holesail_record.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "util/bytes.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

Result<HolesailRecord, std::string> read_record(const std::string& text) {
  return HolesailRecord::decode(as_bytes(text));
}

}  // namespace

TEST_CASE("a record has the bytes that holesail gives it") {
  CHECK(HolesailRecord{.port = 3000}.encode() == R"({"host":"127.0.0.1","port":3000})");
  CHECK(HolesailRecord{.port = 5300, .udp = true}.encode() ==
        R"({"host":"127.0.0.1","udp":true,"port":5300})");
}

TEST_CASE("a record is read as JavaScript reads it, where it makes sense") {
  CHECK(*read_record(R"({"host":"127.0.0.1","port":3000})") == HolesailRecord{3000, false});
  CHECK(*read_record(R"({"port":3000,"udp":true,"more":[{}]})") == HolesailRecord{3000, true});
  CHECK(*read_record(R"({"host":"::","udp":false,"port":"3000"})") == HolesailRecord{3000, false});
  CHECK(*read_record("{}") == HolesailRecord{8989, false});
  CHECK(*read_record(R"({"port":null,"udp":null,"host":null})") == HolesailRecord{8989, false});
}

TEST_CASE("a record that makes no sense is refused in a few words of ours") {
  for (const std::string& text :
       {std::string(), std::string("3000"), std::string("null"), std::string("[3000]"),
        std::string(R"({"port":3000)"), std::string("\x1b[31m"), std::string(1024, '[')}) {
    CHECK(read_record(text).error() == "it is not a JSON object");
  }
  for (const char* port : {"0", "65536", "-1", "3000.5", "1e3", "\"\"", "\"80x\"", "true", "{}",
                           "99999999999999999999"}) {
    CHECK(read_record(std::string(R"({"port":)") + port + "}").error() ==
          "its port is not one (1-65535)");
  }
  CHECK(read_record(R"({"udp":"yes"})").error() == "its udp is neither true nor false");
  CHECK(read_record("{" + std::string(1024, ' ') + "}").error() == "it has more than 1024 bytes");
}

TEST_CASE("a record opens a port of this machine alone, and none of the system's") {
  for (const char* host : {"0.0.0.0", "::", "192.0.2.1", "127.0.0.1", "example.org", "/run/x"}) {
    const auto forward =
        read_record(std::string(R"({"port":1024,"host":")") + host + "\"}")->local_forward();
    REQUIRE(forward.ok());
    CHECK(forward->listen.to_string() == "127.0.0.1:1024");
    CHECK(forward->service.empty());
  }
  CHECK(HolesailRecord{5300, true}.local_forward()->listen.to_string() == "udp:127.0.0.1:5300");
  CHECK_THAT((HolesailRecord{80, false}.local_forward().error()), Contains("such as -L 8080"));
  CHECK_THAT((HolesailRecord{53, true}.local_forward().error()), Contains("such as -L udp:8053"));
  CHECK(!HolesailRecord{1023, false}.local_forward());
}
