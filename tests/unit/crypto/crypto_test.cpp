// SPDX-License-Identifier: Apache-2.0
#include "crypto/crypto.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::crypto;

namespace {

struct Pair {
  sim::SeededRandom random{1};
  KeyPair a = KeyPair::generate(random);
  KeyPair b = KeyPair::generate(random);
};

}  // namespace

TEST_CASE("both ends of a Diffie-Hellman get the same, nobody else does") {
  Pair keys;
  const auto ab = ed25519_dh(keys.a, keys.b.public_key);
  const auto ba = ed25519_dh(keys.b, keys.a.public_key);
  REQUIRE(ab.ok());
  REQUIRE(ba.ok());
  CHECK(equal(ab->view(), ba->view()));
  const auto other = ed25519_dh(KeyPair::generate(keys.random), keys.a.public_key);
  CHECK(!equal(ab->view(), other->view()));
}

TEST_CASE("a remote key that is no point of the main subgroup is refused") {
  Pair keys;
  PublicKey identity;
  identity.bytes[0] = 1;
  PublicKey zero;  // of order four
  PublicKey no_point;
  no_point.bytes[0] = 2;
  PublicKey not_canonical;  // 1 + p
  not_canonical.bytes.fill(0xff);
  not_canonical.bytes[0] = 0xee;
  not_canonical.bytes[31] = 0x7f;
  // A point of the group with something of order two mixed in.
  PublicKey mixed = keys.b.public_key;
  mixed.bytes[31] ^= 0x80;
  for (const PublicKey& key : {identity, zero, no_point, not_canonical}) {
    const auto shared = ed25519_dh(keys.a, key);
    REQUIRE(!shared.ok());
    CHECK(shared.error() == Errc::kMalformed);
  }
  // The mirrored point is a point of the group; what comes out is not what the owner would get.
  const auto mirrored = ed25519_dh(keys.a, mixed);
  REQUIRE(mirrored.ok());
  CHECK(!equal(mirrored->view(), ed25519_dh(keys.b, keys.a.public_key)->view()));
}

TEST_CASE("a signature holds for its message and its key alone") {
  Pair keys;
  const Bytes message{1, 2, 3};
  const Signature signature = sign(message, keys.a);
  CHECK(verify(signature, message, keys.a.public_key));
  CHECK(!verify(signature, message, keys.b.public_key));
  CHECK(!verify(signature, Bytes{1, 2}, keys.a.public_key));
  for (std::size_t i = 0; i < Signature::kSize; ++i) {
    Signature changed = signature;
    changed.bytes[i] ^= 1;
    CHECK(!verify(changed, message, keys.a.public_key));
  }
}

TEST_CASE("a sealed message that was changed anywhere does not open") {
  Pair keys;
  const auto key = keys.random.fixed<Key32>();
  const Bytes associated{7};
  const Bytes plaintext{1, 2, 3, 4};
  Bytes sealed;
  aead_seal(key, 5, associated, plaintext, sealed);
  REQUIRE(sealed.size() == plaintext.size() + kTagSize);
  CHECK(*aead_open(key, 5, associated, sealed) == plaintext);
  CHECK(!aead_open(key, 6, associated, sealed));
  CHECK(!aead_open(key, 5, {}, sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 0x40;
    CHECK(!aead_open(key, 5, associated, changed));
    CHECK(!aead_open(key, 5, associated, ByteView(sealed).first(i)));
  }
}

TEST_CASE("a box that was changed anywhere does not open") {
  Pair keys;
  const auto key = keys.random.fixed<Key32>();
  const BoxNonce nonce{1, 2, 3};
  const Bytes plaintext{9, 8, 7};
  Bytes box(plaintext.size() + kTagSize);
  box_seal(key, nonce, plaintext, box);
  Bytes out(plaintext.size());
  CHECK(box_open(key, nonce, box, out));
  CHECK(out == plaintext);
  for (std::size_t i = 0; i < box.size(); ++i) {
    Bytes changed = box;
    changed[i] ^= 1;
    CHECK(!box_open(key, nonce, changed, out));
  }
}

TEST_CASE("secrets are compared by content and length") {
  CHECK(equal_constant_time(Bytes{1, 2}, Bytes{1, 2}));
  CHECK(!equal_constant_time(Bytes{1, 2}, Bytes{1, 3}));
  CHECK(!equal_constant_time(Bytes{1, 2}, Bytes{1, 2, 3}));
  CHECK(equal_constant_time({}, {}));
}

TEST_CASE("base64 is read as RFC 4648 has it, and nothing else is") {
  const auto read = [](std::string_view text) -> std::optional<std::string> {
    const auto bytes = crypto::from_base64(text);
    if (!bytes) return std::nullopt;
    return std::string(bytes->begin(), bytes->end());
  };
  CHECK(read("") == "");
  CHECK(read("Zg==") == "f");
  CHECK(read("Zm8=") == "fo");
  CHECK(read("Zm9v") == "foo");
  CHECK(read("Zm9vYmFy") == "foobar");
  CHECK(read("+/+/") == "\xfb\xff\xbf");
  for (const char* const text :
       {"Zg", "Zg=", "Zg===", "Z", "-_-_", "Zm9v ", " Zm9v", "Zm9v\n", "Zh=="}) {
    CAPTURE(text);
    CHECK(!read(text));
  }
}
