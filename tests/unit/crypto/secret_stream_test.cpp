// SPDX-License-Identifier: Apache-2.0
#include "crypto/secret_stream.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::crypto;

namespace {

constexpr auto kFast = CipherLibrary::kFastest;
constexpr auto kSodium = CipherLibrary::kLibsodium;

Bytes record_of(sim::SeededRandom& random, std::size_t size) {
  Bytes out(size + kStreamOverhead);
  for (std::size_t i = 1; i <= size; ++i) out[i] = static_cast<std::uint8_t>(random.below(256));
  return out;
}

/// Both libraries make the same of the same records, and open each other's.
struct Both {
  explicit Both(std::uint64_t seed)
      : random(seed),
        key(random.fixed<Key32>()),
        header(random.fixed<StreamHeader>()),
        fast(key, header, kFast),
        sodium(key, header, kSodium),
        fast_opens(key, header, kFast),
        sodium_opens(key, header, kSodium) {}
  bool agree(std::size_t size, StreamTag tag = StreamTag::kMessage) {
    const Bytes plain = record_of(random, size);
    Bytes one = plain;
    Bytes other = plain;
    fast.push(one, tag);
    sodium.push(other, tag);
    if (one != other) return false;
    if (fast_opens.pull(one) != tag || sodium_opens.pull(other) != tag) return false;
    const auto text = [&](const Bytes& record) { return ByteView(record).subspan(1, size); };
    return equal(text(one), text(plain)) && equal(text(other), text(plain));
  }
  sim::SeededRandom random;
  const Key32 key;
  const StreamHeader header;
  SecretStreamState fast;
  SecretStreamState sodium;
  SecretStreamState fast_opens;
  SecretStreamState sodium_opens;
};

}  // namespace

TEST_CASE("a secretstream is read in order, whole and unchanged, or not at all") {
  sim::SeededRandom random(1);
  const auto key = random.fixed<Key32>();
  const auto header = random.fixed<StreamHeader>();
  SecretStreamState sender(key, header);
  std::vector<Bytes> records;
  for (std::uint8_t i = 0; i < 3; ++i) {
    Bytes record(kStreamOverhead + 10, 0);
    record[1] = i;
    sender.push(record);
    records.push_back(record);
  }
  const auto opens = [&](std::initializer_list<Bytes> list) {
    SecretStreamState receiver(key, header);
    bool ok = true;
    for (Bytes record : list) ok = ok && receiver.pull(record);
    return ok;
  };
  CHECK(opens({records[0], records[1], records[2]}));
  CHECK(!opens({records[1]}));
  CHECK(!opens({records[0], records[0]}));
  CHECK(!opens({records[0], records[2]}));
  CHECK(!opens({Bytes(kStreamOverhead - 1)}));
  CHECK(!opens({Bytes()}));
}

TEST_CASE("records of all sizes are the same from either library, and each opens the other's") {
  Both both(2);
  for (std::size_t size = 0; size <= 4000; ++size) {
    INFO(size);
    REQUIRE(both.agree(size));
  }
  for (const std::size_t size : {65512u, 65516u, 65520u, 100'000u, 1'000'000u}) {
    INFO(size);
    REQUIRE(both.agree(size));
  }
}

TEST_CASE("records of random sizes and tags keep both in step, whoever changes the keys") {
  Both both(3);
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size =
        both.random.below(2) == 0 ? both.random.below(64) : 8 * both.random.below(1000);
    const auto tag = static_cast<StreamTag>(both.random.below(4));
    INFO(i << ": " << size << " bytes, tag " << static_cast<int>(tag));
    REQUIRE(both.agree(size, tag));
  }
}

TEST_CASE(
    "a large record that was changed anywhere does not open, and nothing of it is left to be "
    "read") {
  sim::SeededRandom random(4);
  const auto key = random.fixed<Key32>();
  const auto header = random.fixed<StreamHeader>();
  constexpr std::size_t kSize = 4096;
  SecretStreamState sender(key, header);
  const Bytes plain = record_of(random, kSize);
  Bytes sealed = plain;
  sender.push(sealed);
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64},
                               kSize / 2, kSize, kSize + 1, sealed.size() - 1}) {
    for (const auto library : {kFast, kSodium}) {
      INFO(at);
      Bytes changed = sealed;
      changed[at] ^= 0x10;
      SecretStreamState receiver(key, header, library);
      CHECK_FALSE(receiver.pull(changed));
      CHECK_FALSE(equal(ByteView(changed).subspan(100, 1000), ByteView(plain).subspan(100, 1000)));
    }
  }
  SecretStreamState receiver(key, header);
  CHECK(receiver.pull(sealed));
}
