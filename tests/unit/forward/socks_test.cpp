// SPDX-License-Identifier: Apache-2.0
#include "forward/socks.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

using Step = SocksParser::Step;

struct Read {
  std::vector<Step> steps;  // but kMore
  std::size_t rest = 0;     // bytes that were not asked for
  SocksTarget target;
  SocksReply refusal;
  std::string why;
};

/// As they come in: `at_once` bytes at a time.
Read read(const std::string& hex, std::size_t at_once = 1000) {
  const Bytes bytes = *from_hex(hex);
  SocksParser parser;
  Read out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const MutableBytes wanted = parser.wanted();
    REQUIRE(!wanted.empty());
    const std::size_t size = std::min({wanted.size(), bytes.size() - at, at_once});
    copy_bytes(ByteView(bytes).subspan(at, size), wanted);
    at += size;
    const Step step = parser.take(size);
    if (step == Step::kMore) continue;
    out.steps.push_back(step);
    if (step != Step::kGreeted) break;
  }
  out.rest = bytes.size() - at;
  out.target = parser.target();
  out.refusal = parser.refusal();
  out.why = parser.why_refused();
  return out;
}

const std::string kGreeting = "050100";

Step last(const std::string& hex) {
  const auto steps = read(hex).steps;
  return steps.empty() ? Step::kMore : steps.back();
}

}  // namespace

TEST_CASE("a request is read however it is cut, and nothing behind it") {
  for (const std::size_t at_once : {1, 2, 3, 7, 1000}) {
    const Read name =
        read(kGreeting + "050100030b" + "6578616d706c652e6f7267" + "01bb" + "16030100", at_once);
    CHECK(name.steps == std::vector{Step::kGreeted, Step::kRequest});
    CHECK(name.target.host == "example.org");
    CHECK(name.target.port == 443);
    CHECK(name.rest == 4);
    const Read address =
        read("0503020100" + std::string("05010001") + "0a000001" + "0016", at_once);
    CHECK(address.steps == std::vector{Step::kGreeted, Step::kRequest});
    CHECK(address.target.host == "10.0.0.1");
    CHECK(address.target.port == 22);
    CHECK(address.rest == 0);
  }
}

TEST_CASE("a name may have any 255 bytes") {
  std::string hex = kGreeting + "05010003ff";
  for (int i = 0; i < 255; ++i) hex += "00";
  const Read found = read(hex + "0001");
  CHECK(found.steps.back() == Step::kRequest);
  CHECK(found.target.host == std::string(255, '\0'));
  CHECK(last(hex + "00") == Step::kGreeted);
}

TEST_CASE("what is not offered is refused as the RFC says") {
  const auto refusal = [](const std::string& request) {
    const Read found = read(kGreeting + request);
    REQUIRE(found.steps.back() == Step::kRefused);
    return found.refusal;
  };
  CHECK(refusal("050200010a0000010016") == SocksReply::kCommandNotSupported);
  CHECK(refusal("050300010a0000010016") == SocksReply::kCommandNotSupported);
  CHECK(refusal("050900030161"
                "0016") == SocksReply::kCommandNotSupported);
  CHECK(refusal("05010004000000000000000000000000000000010016") ==
        SocksReply::kAddressNotSupported);
  CHECK(refusal("0501000200") == SocksReply::kAddressNotSupported);
  CHECK(refusal("05010003000016") == SocksReply::kFailure);
  CHECK(refusal("050100010a0000010000") == SocksReply::kFailure);
}

TEST_CASE("what was asked for and is not offered can be shown") {
  const auto shown = [](const std::string& request) {
    const Read found = read(kGreeting + request);
    return found.target.text() + " " + found.why;
  };
  CHECK(shown("050200010a0000010016") == "10.0.0.1:22 BIND is not offered");
  CHECK(shown("050300010a0000010016") == "10.0.0.1:22 UDP ASSOCIATE is not offered");
  CHECK(shown("050900030161"
              "0016") == "a:22 command 9 is not offered");
  CHECK(shown("05010004"
              "20010db8000000000000000000000001"
              "01bb") == "[2001:db8::1]:443 IPv6 addresses are not offered");
  CHECK(shown("0501000200") == " addresses of the kind 2 are not offered");
  CHECK(shown("05010003000016") == " it names no host");
  CHECK(shown("050100010a0000010000") == "10.0.0.1:0 0 is not a valid port");
}

TEST_CASE("what speaks something else is shown with what it asks for, as far as that is here") {
  const auto shown = [](const std::string& hex) { return other_than_socks5(*from_hex(hex)); };
  CHECK(shown("04010016") == "SOCKS4 is not offered, SOCKS5 is");
  CHECK(shown("040100160a00000100") ==
        "SOCKS4 is not offered, SOCKS5 is; it asked for 10.0.0.1:22");
  CHECK(shown("0401005000000001"
              "6d6500"
              "612e6f726700") == "SOCKS4 is not offered, SOCKS5 is; it asked for a.org:80");
  CHECK(shown("0401005000000001"
              "6d6500"
              "612e") == "SOCKS4 is not offered, SOCKS5 is; it asked for a.:80");
  CHECK(shown("0401005000000001"
              "6d65") == "SOCKS4 is not offered, SOCKS5 is");
  CHECK(other_than_socks5(as_bytes(std::string_view("CONNECT a.org:443 HTTP/1.1\r\nHost: a"))) ==
        "it speaks HTTP, and this port SOCKS5; it asked: CONNECT a.org:443 HTTP/1.1");
  CHECK(shown("1603") == "it does not speak SOCKS5");
  CHECK(shown("") == "it does not speak SOCKS5");
}

TEST_CASE("who cannot do without authentication, or speaks something else, is told so at once") {
  CHECK(last("050102") == Step::kNoMethod);
  CHECK(last("0500") == Step::kNoMethod);
  CHECK(last("05020102") == Step::kNoMethod);
  CHECK(last("04") == Step::kSocks4);
  CHECK(last("16") == Step::kNotSocks);
  CHECK(last("47") == Step::kNotSocks);
  CHECK(last(kGreeting + "04") == Step::kNotSocks);
  std::string methods;
  for (int i = 0; i < 255; ++i) methods += "80";
  CHECK(last("05ff" + methods) == Step::kNoMethod);
  CHECK(to_hex(socks_no_method()) == "05ff");
  CHECK(to_hex(socks_method()) == "0500");
  CHECK(to_hex(socks_reply(SocksReply::kHostUnreachable)) == "05040001000000000000");
  CHECK(to_hex(socks4_refusal()) == "005b000000000000");
}
