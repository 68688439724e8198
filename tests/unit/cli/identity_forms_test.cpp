// SPDX-License-Identifier: Apache-2.0
// Identities and lists of keys in the files of holesail and hypertele, and what an exposed key then asks for.
#include "cli/identity_forms.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <fstream>
#include <string>
#include <vector>

#include "cli/hypertele_file.hpp"
#include "unit/cli/plans.hpp"
#include "unit/platform/scratch.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;
using Access = platform::Identity::Access;

namespace {

const std::string kSeedDigits(64, 'a');
const std::string kOtherKey(64, '6');
const std::string kSecretLink = "hs://s000" + std::string(64, 'f');
const KeyPair kSeedKeys = KeyPair::from_seed(Seed::from(*from_hex(kSeedDigits)));
const std::string kPublicDigits = to_hex(kSeedKeys.public_key.view());
const std::string kSecretDigits = to_hex(kSeedKeys.secret_key.view());

struct Folder : platform::Scratch {
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string file = path + "/" + name;
    std::ofstream(file) << text;
    REQUIRE(chmod(file.c_str(), mode) == 0);
    return file;
  }
};

std::string why_refused(const std::string& text) {
  const auto read = identity_of_other_form(text);
  return read ? "none" : read.error();
}

std::string outcome_of(const std::string& file) {
  try {
    load_plan(file);
  } catch (const UserError& error) {
    return error.message;
  }
  return "fine";
}

}  // namespace

TEST_CASE("an identity may be a connection string, or a file of hypertele's") {
  const auto link = identity_of_other_form(kSecretLink);
  REQUIRE(link.ok());
  CHECK(link->keys.public_key == HolesailAddress::parse(kSecretLink)->key);
  CHECK(link->access == Access::kShared);

  const auto pair = identity_of_other_form(
      fmt::format(R"({{"publicKey":"{}","secretKey":"{}"}})", kPublicDigits, kSecretDigits));
  REQUIRE(pair.ok());
  CHECK(pair->keys.public_key == kSeedKeys.public_key);
  CHECK(pair->access == Access::kUnsaid);

  CHECK(identity_of_other_form(fmt::format(R"({{"seed":"{}","keepAlive":5000}})", kSeedDigits))
            ->keys.public_key == kSeedKeys.public_key);
  CHECK(identity_of_other_form(
            fmt::format(R"({{"seed":"{}","allow":["{}"]}})", kSeedDigits, kOtherKey))
            ->access == Access::kListed);
}

TEST_CASE("an identity of no form is refused, and nothing of it is told") {
  CHECK(why_refused("hs://s000short") ==
        "is a connection string whose secret has fewer than 32 characters");
  CHECK(why_refused("hs://0000" + key_text(kSeedKeys.public_key)) ==
        "is a public key, not a secret one");
  CHECK(why_refused("secret") == "is not 64 hexadecimal digits");
  CHECK(why_refused("{secret") == "is not JSON");
  CHECK(why_refused(fmt::format(R"({{"peer":"{}"}})", kPublicDigits)) ==
        "has no seed, and no secretKey");
  for (const std::string& seed :
       {kSeedDigits.substr(1), kSeedDigits + "aa", std::string(64, 'x')}) {
    CHECK(why_refused(fmt::format(R"({{"seed":"{}"}})", seed)) ==
          "its seed is not 64 hexadecimal digits");
  }
  CHECK(why_refused(R"({"seed":17})") == "its seed is not 64 hexadecimal digits");
  CHECK(why_refused(
            fmt::format(R"({{"publicKey":"{}","secretKey":"{}"}})", kOtherKey, kSecretDigits)) ==
        "its publicKey and secretKey do not belong together");
  CHECK(why_refused(fmt::format(R"({{"publicKey":"{}","secretKey":"{}{}"}})", kPublicDigits,
                                kSeedDigits, kOtherKey)) ==
        "its publicKey and secretKey do not belong together");
  CHECK(why_refused(fmt::format(R"({{"secretKey":"{}"}})", kSeedDigits)) ==
        "its secretKey is not 128 hexadecimal digits");
  for (const char* allow : {"[]", "\"x\"", "{}", "true"}) {
    CHECK(why_refused(fmt::format(R"({{"seed":"{}","allow":{}}})", kSeedDigits, allow)) ==
          "its allow is not a list of keys");
  }
  CHECK(why_refused(fmt::format(R"({{"seed":"{}","allow":["{}",1]}})", kSeedDigits, kOtherKey)) ==
        "its allow has an entry that is not a key");
  CHECK_THAT(why_refused(fmt::format(R"({{"seed":"{}","compress":true}})", kSeedDigits)),
             Contains("compress"));
  CHECK(why_refused(fmt::format(R"({{"seed":"{}","compress":false}})", kSeedDigits)) == "none");
}

TEST_CASE("a file of hypertele's names a peer, or by its seed one that has the same") {
  const Folder scratch;
  const auto named = PeerReference::read(
      scratch.write("client", fmt::format(R"({{"peer":"{}"}})", kPublicDigits), 0644));
  REQUIRE(named.ok());
  CHECK(named->key == kSeedKeys.public_key);
  CHECK(!named->identity);

  const std::string text = fmt::format(R"({{"seed":"{}"}})", kSeedDigits);
  const auto shared = PeerReference::read(scratch.write("shared", text, 0600));
  REQUIRE(shared.ok());
  CHECK(shared->key == kSeedKeys.public_key);
  REQUIRE(shared->identity);
  CHECK(shared->identity->public_key == kSeedKeys.public_key);
  CHECK(shared->name == key_text(kSeedKeys.public_key));
  CHECK_THAT(PeerReference::read(scratch.write("open", text, 0644)).error(),
             Contains("others can read it") && !Contains(kSeedDigits));
  CHECK_THAT(PeerReference::read(scratch.write("none", "{}", 0600)).error(),
             Contains("has no peer, and no seed"));
}

TEST_CASE("who may connect can be a list of hypertele's") {
  const Folder scratch;
  const std::string list = scratch.write(
      "server",
      fmt::format(R"({{"seed":"{}","allow":["{}","{}"]}})", kSeedDigits, kOtherKey, kPublicDigits),
      0600);
  CHECK(allowed_argument("@" + list) ==
        std::vector<PublicKey>{*parse_key(kOtherKey), kSeedKeys.public_key});
  const std::string key = scratch.write("key", kOtherKey, 0644);
  CHECK(allowed_argument("@" + key) == std::vector<PublicKey>{*parse_key(kOtherKey)});
  CHECK(allowed_argument(kOtherKey) == std::vector<PublicKey>{*parse_key(kOtherKey)});
  CHECK_THROWS_AS(allowed_argument("@" + scratch.write("bad", R"({"allow":[1]})", 0600)),
                  UserError);
  CHECK_THROWS_AS(allowed_argument("@" + scratch.path + "/missing"), UserError);
}

TEST_CASE("an identity that is not for everybody is not exposed to everybody") {
  const Folder scratch;
  const std::string link = scratch.write("link", kSecretLink, 0600);
  const std::string listed = scratch.write(
      "listed", fmt::format(R"({{"seed":"{}","allow":["{}"]}})", kSeedDigits, kOtherKey), 0600);
  const std::string plain = scratch.write("plain", kSeedDigits, 0600);
  const auto told = [&](const std::string& identity, const std::string& more) {
    return outcome_of(scratch.write(
        "hsfwd.toml",
        fmt::format("[[expose]]\nservices = '8080'\nidentity = '{}'\n{}\n", identity, more), 0600));
  };
  CHECK_THAT(told(link, ""), Contains("[[expose]]: identity " + link) && Contains("needs private"));
  CHECK(told(link, "private = true") == "fine");
  CHECK(told(link, "private = true\nholesail = true") == "fine");
  CHECK_THAT(told(listed, ""), Contains("lists who may connect, but there is no allow"));
  CHECK(told(listed, "allow = '" + kOtherKey + "'") == "fine");
  CHECK(told(listed, "private = true") == "fine");
  CHECK(told(plain, "private = true") == "fine");
  CHECK(told(plain, "holesail = true") == "fine");
  CHECK_THAT(told(plain, "private = true\nholesail = true"), Contains("needs a connection string"));
  CHECK_THAT(told(plain, "private = true\nallow = '" + kOtherKey + "'"),
             Contains("private and allow cannot be combined"));
}

TEST_CASE("private lets in nobody but who has the identity, whatever a permit says") {
  const std::string text = "[[expose]]\nservices = ['web=8080', 'ssh=22']\nprivate = true\n";
  const Plan plan = plan_of(text + "permit = '*: web'\n");
  const forward::Policy policy = specs_of<ExposeSpec>(plan).at(0)->policy_of(kSeedKeys.public_key);
  CHECK(policy.admits(kSeedKeys.public_key));
  CHECK(!policy.admits(*parse_key(kOtherKey)));
  CHECK(policy.allows_service(kSeedKeys.public_key, "web"));
  CHECK(!policy.allows_service(kSeedKeys.public_key, "ssh"));
}

TEST_CASE("a record for holesail's clients needs a port that they can open") {
  const auto told = [&](const std::string& lines) {
    try {
      plan_of("[[expose]]\nholesail = true\n" + lines + "\n");
    } catch (const UserError& error) {
      return error.message;
    }
    return std::string("fine");
  };
  CHECK(told("services = ['web=8080', 'x=unix:/run/x']") == "fine");
  CHECK(told("services = 'udp:53'") == "fine");
  CHECK_THAT(told("services = ['x=unix:/run/x', '8080']"), Contains("which is a unix socket"));
  CHECK_THAT(told("permit = '*: 10.0.0.0/8:80'"), Contains("holesail needs a service"));
}
