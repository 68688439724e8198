// SPDX-License-Identifier: Apache-2.0
// How fast packets are sealed and opened, by size: as the program does it, beside libsodium, in turns and in place.
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <utility>
#include <vector>

#include "crypto/crypto.hpp"
#include "crypto/packet_aead.hpp"
#include "crypto/secret_stream.hpp"
#include "sim/random.hpp"

namespace hsfwd {

namespace {

constexpr std::size_t kRounds = 9;
constexpr std::size_t kBytesARound = 16'000'000;

/// Gigabytes a second of one round.
double rate(std::size_t size, const std::function<void(std::uint64_t)>& run) {
  const std::size_t number =
      std::max<std::size_t>(kBytesARound / std::max<std::size_t>(size, 64), 1);
  // Of the processor, whatever else runs.
  const std::clock_t began = std::clock();
  for (std::uint64_t i = 0; i < number; ++i) run(i);
  const double took = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  return static_cast<double>(number * size) / took / 1e9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(std::size_t size) {
  sim::SeededRandom random(1);
  const auto key = random.fixed<crypto::Key32>();
  crypto::PacketSealer sealer(key);
  crypto::PacketOpener opener(key);
  const std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce{};
  Bytes packet(size + crypto::kTagSize);
  Bytes plaintext(size);
  std::vector<double> sealed;
  std::vector<double> opened;
  std::vector<double> sodium;
  for (std::size_t i = 0; i < kRounds; ++i) {
    sealed.push_back(rate(size, [&](std::uint64_t n) { sealer.seal(n, packet); }));
    sealer.seal(0, packet);
    opened.push_back(rate(size, [&](std::uint64_t) {
      if (!opener.open(0, packet, plaintext)) std::abort();
    }));
    sodium.push_back(rate(size, [&](std::uint64_t) {
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet.data(), packet.data() + size,
                                                         nullptr, packet.data(), size, nullptr, 0,
                                                         nullptr, nonce.data(), key.data());
    }));
  }
  const double reference = median(sodium);
  fmt::print(
      "{:>6} bytes: sealed {:5.2f} GB/s, opened {:5.2f}; libsodium seals {:5.2f}: {:.2f} times\n",
      size, median(sealed), median(opened), reference, median(sealed) / reference);
}

/// The same of a stream's records.
void compare_records(std::size_t size) {
  sim::SeededRandom random(1);
  const auto key = random.fixed<crypto::Key32>();
  const auto header = random.fixed<crypto::StreamHeader>();
  const auto rates = [&](crypto::CipherLibrary library) {
    std::vector<double> sealed;
    std::vector<double> opened;
    Bytes record(size + crypto::kStreamOverhead);
    for (std::size_t i = 0; i < kRounds; ++i) {
      crypto::SecretStreamState sender(key, header, library);
      sealed.push_back(rate(size, [&](std::uint64_t) { sender.push(record); }));
      crypto::SecretStreamState first(key, header, library);
      first.push(record);
      opened.push_back(rate(size, [&](std::uint64_t) {
        // The first of a stream again and again, since others open in their order only.
        Bytes copy = record;
        crypto::SecretStreamState receiver(key, header, library);
        if (!receiver.pull(copy)) std::abort();
      }));
    }
    return std::pair(median(sealed), median(opened));
  };
  const auto [sealed, opened] = rates(crypto::CipherLibrary::kFastest);
  const auto [sodium_sealed, sodium_opened] = rates(crypto::CipherLibrary::kLibsodium);
  fmt::print(
      "record of {:>6}: sealed {:5.2f} GB/s, opened and copied {:5.2f}; libsodium {:5.2f}, "
      "{:5.2f}: {:.2f}, {:.2f} times\n",
      size, sealed, opened, sodium_sealed, sodium_opened, sealed / sodium_sealed,
      opened / sodium_opened);
}

}  // namespace

}  // namespace hsfwd

int main() {
  hsfwd::crypto::initialize();
  fmt::print("packets are sealed by {}\n", hsfwd::crypto::packet_library());
  for (const int size : {40, 100, 300, 576, 1200, 1400, 2000}) {
    hsfwd::compare(static_cast<std::size_t>(size));
  }
  for (const int size : {512, 1024, 1536, 2048, 4096, 16384, 65512}) {
    hsfwd::compare_records(static_cast<std::size_t>(size));
  }
  return 0;
}
