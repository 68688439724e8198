// SPDX-License-Identifier: Apache-2.0
// Whichever library seals packets, the bytes are those of aead_seal(), which is libsodium's.
#include "crypto/packet_aead.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "crypto/crypto.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::crypto;

namespace {

Key32 random_key(Random& random) {
  Key32 key;
  random.fill(key.mutable_view());
  return key;
}

Bytes random_bytes(Random& random, std::size_t size) {
  Bytes out(size);
  random.fill(out);
  return out;
}

Bytes sealed(PacketSealer& sealer, std::uint64_t counter, ByteView plaintext) {
  Bytes packet = to_bytes(plaintext);
  packet.resize(plaintext.size() + kTagSize);
  sealer.seal(counter, packet);
  return packet;
}

/// It has been loaded by somebody.
bool libcrypto_is_here() {
  void* const library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
  if (library != nullptr) dlclose(library);
  return library != nullptr;
}

}  // namespace

TEST_CASE("libcrypto is loaded for the first large packet, and not for small ones") {
  // In a process of its own: another case may have loaded it already.
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    PacketSealer sealer{Key32()};
    Bytes packet(200);
    sealer.seal(0, packet);
    if (libcrypto_is_here()) _exit(1);
    packet.resize(1400);
    sealer.seal(1, packet);
    const bool loaded = libcrypto_is_here();
    const bool there = dlopen("libcrypto.so.3", RTLD_LAZY) != nullptr;
    _exit(loaded == there ? 0 : 2);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a packet is sealed as libsodium would, whatever its length and counter") {
  const auto library = GENERATE(CipherLibrary::kFastest, CipherLibrary::kLibsodium);
  sim::SeededRandom random(1);
  const Key32 key = random_key(random);
  PacketSealer sealer(key, library);
  PacketOpener opener(key, library);
  for (std::size_t size = 0; size < 2000; ++size) {
    CAPTURE(size);
    const std::uint64_t counter = size % 7 == 0 ? random.u64() : size;
    const Bytes plaintext = random_bytes(random, size);
    Bytes expected;
    aead_seal(key, counter, {}, plaintext, expected);
    const Bytes packet = sealed(sealer, counter, plaintext);
    REQUIRE(packet == expected);
    Bytes opened(size);
    REQUIRE(opener.open(counter, packet, opened));
    REQUIRE(opened == plaintext);
  }
}

TEST_CASE("a packet opens in its own place, too") {
  const auto library = GENERATE(CipherLibrary::kFastest, CipherLibrary::kLibsodium);
  sim::SeededRandom random(2);
  const Key32 key = random_key(random);
  PacketSealer sealer(key, library);
  PacketOpener opener(key, library);
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 63, 64, 65, 1400}) {
    const Bytes plaintext = random_bytes(random, size);
    Bytes packet = sealed(sealer, 5, plaintext);
    REQUIRE(opener.open(5, packet, MutableBytes(packet).first(size)));
    packet.resize(size);
    CHECK(packet == plaintext);
  }
}

TEST_CASE(
    "what was changed, or stands under another key or counter, does not open and leaves zeros") {
  const auto library = GENERATE(CipherLibrary::kFastest, CipherLibrary::kLibsodium);
  sim::SeededRandom random(3);
  const Key32 key = random_key(random);
  PacketSealer sealer(key, library);
  PacketOpener opener(key, library);
  PacketOpener other(random_key(random));
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 100, 1400}) {
    CAPTURE(size);
    const Bytes plaintext = random_bytes(random, size);
    const Bytes packet = sealed(sealer, 9, plaintext);
    const Bytes zeros(size);
    for (std::size_t at = 0; at < packet.size(); at += 1 + at / 8) {
      Bytes changed = packet;
      changed[at] ^= 1;
      Bytes opened(size, 0xff);
      REQUIRE(!opener.open(9, changed, opened));
      REQUIRE(opened == zeros);
    }
    Bytes opened(size, 0xff);
    CHECK(!opener.open(10, packet, opened));
    CHECK(opened == zeros);
    opened.assign(size, 0xff);
    CHECK(!other.open(9, packet, opened));
    CHECK(opened == zeros);
    // A failure leaves nothing behind for the next one.
    CHECK(opener.open(9, packet, opened));
    CHECK(opened == plaintext);
  }
}
