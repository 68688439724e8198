// SPDX-License-Identifier: Apache-2.0
#include "forward/policy.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

crypto::PublicKey key_of(std::uint8_t byte) {
  crypto::PublicKey out;
  out.bytes.fill(byte);
  return out;
}

const net::StreamAddress kElsewhere{.host = "10.0.0.1", .port = 22, .path = {}};

}  // namespace

TEST_CASE("a policy that names nobody lets everybody reach the services") {
  const Policy policy;
  CHECK(policy.admits_everybody());
  CHECK(policy.admits(key_of(1)));
  CHECK(policy.allows_service(key_of(1), "web"));
  CHECK(Policy(std::set<crypto::PublicKey>()) == policy);
}

TEST_CASE("a policy that names keys lets no other reach anything") {
  const Policy policy({key_of(1), key_of(2)});
  CHECK(!policy.admits_everybody());
  CHECK(policy.admits(key_of(2)));
  CHECK(policy.allows_service(key_of(2), "web"));
  CHECK(!policy.admits(key_of(3)));
  CHECK(!policy.allows_service(key_of(3), "web"));
  CHECK(policy == Policy({key_of(2), key_of(1)}));
  CHECK(!(policy == Policy({key_of(1)})));
  CHECK(policy.keys().size() == 2);
}

TEST_CASE("no policy lets a peer choose an address") {
  CHECK(!Policy().allows_destination(key_of(1), kElsewhere));
  CHECK(!Policy({key_of(1)}).allows_destination(key_of(1), kElsewhere));
}
