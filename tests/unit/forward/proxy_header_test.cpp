// SPDX-License-Identifier: Apache-2.0
#include "forward/proxy_header.hpp"

#include <catch2/catch.hpp>

#include "forward/service.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

std::string header(PathKind path, const std::string& service) {
  PeerInfo peer;
  peer.key.bytes.fill(0xab);
  peer.path = path;
  peer.remote = {net::Ipv4::of(203, 0, 113, 9), 49737};
  return to_hex(proxy_header(peer, Service::parse(service)->target));
}

const std::string kSignature = "0d0a0d0a000d0a515549540a";
const std::string kKey = "e00020abababababababababababababababababababababababababababababababab";

}  // namespace

TEST_CASE("a service is told the peer's address and key ahead of its first byte") {
  CHECK(header(PathKind::kDirect, "10.0.0.1:443") == kSignature +
                                                         "21"
                                                         "11"
                                                         "002f"
                                                         "cb007109"
                                                         "0a000001"
                                                         "c249"
                                                         "01bb" +
                                                         kKey);
  CHECK(header(PathKind::kLan, "8080") == kSignature +
                                              "21"
                                              "11"
                                              "002f"
                                              "cb007109"
                                              "7f000001"
                                              "c249"
                                              "1f90" +
                                              kKey);
  CHECK(header(PathKind::kDirect, "web.lan:80") == kSignature +
                                                       "21"
                                                       "11"
                                                       "002f"
                                                       "cb007109"
                                                       "00000000"
                                                       "c249"
                                                       "0050" +
                                                       kKey);
  CHECK(header(PathKind::kDirect, "unix:/run/web.sock") == kSignature +
                                                               "21"
                                                               "11"
                                                               "002f"
                                                               "cb007109"
                                                               "00000000"
                                                               "c249"
                                                               "0000" +
                                                               kKey);
}

TEST_CASE("a relay's address is not told as the peer's") {
  CHECK(header(PathKind::kRelayed, "8080") == kSignature +
                                                  "21"
                                                  "00"
                                                  "0023" +
                                                  kKey);
}
