// SPDX-License-Identifier: Apache-2.0
// What a large packet costs on its whole way, sealed, through a UDP socket on the loopback in batches of segments, and
// opened: by libsodium alone and by whatever library is fastest, in turns. Time of the processor, kernel included.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "crypto/crypto.hpp"
#include "crypto/packet_aead.hpp"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace hsfwd {

namespace {

constexpr std::size_t kPayload = 1400;
constexpr std::size_t kPacket = kPayload + crypto::kTagSize;
constexpr std::size_t kSegments = 44;  // what fits into one send
constexpr std::size_t kBatches = 2000;
constexpr int kRounds = 7;

[[noreturn]] void give_up(const char* why) {
  std::perror(why);
  std::exit(1);
}

/// Two ends of one way.
class Way {
 public:
  explicit Way(crypto::CipherLibrary library) : sealer_(key_, library), opener_(key_, library) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof any;
    const int segment = static_cast<int>(kPacket);
    const int on = 1;
    if (bind(to_, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
        getsockname(to_, reinterpret_cast<sockaddr*>(&any), &size) != 0 ||
        connect(from_, reinterpret_cast<sockaddr*>(&any), size) != 0 ||
        setsockopt(from_, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0 ||
        setsockopt(to_, IPPROTO_UDP, UDP_GRO, &on, sizeof on) != 0) {
      give_up("socket");
    }
  }
  ~Way() {
    close(from_);
    close(to_);
  }

  /// Seconds for a packet.
  double run() {
    const std::clock_t began = std::clock();
    for (std::size_t i = 0; i < kBatches; ++i) pass_batch();
    const double took = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    return took / static_cast<double>(kBatches * kSegments);
  }

 private:
  void pass_batch() {
    for (std::size_t i = 0; i < kSegments; ++i) {
      sealer_.seal(sealed_++, MutableBytes(out_).subspan(i * kPacket, kPacket));
    }
    if (send(from_, out_.data(), out_.size(), 0) != static_cast<ssize_t>(out_.size())) {
      give_up("send");
    }
    for (std::size_t got = 0; got < kSegments;) {
      const ssize_t size = recv(to_, in_.data(), in_.size(), 0);
      if (size <= 0) give_up("recv");
      for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += kPacket, ++got) {
        const MutableBytes packet = MutableBytes(in_).subspan(at, kPacket);
        if (!opener_.open(opened_++, packet, packet.first(kPayload))) give_up("open");
      }
    }
  }

  const crypto::Key32 key_;
  crypto::PacketSealer sealer_;
  crypto::PacketOpener opener_;
  const int from_ = socket(AF_INET, SOCK_DGRAM, 0);
  const int to_ = socket(AF_INET, SOCK_DGRAM, 0);
  Bytes out_ = Bytes(kSegments * kPacket);
  Bytes in_ = Bytes(65536);
  std::uint64_t sealed_ = 0;
  std::uint64_t opened_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare() {
  Way sodium(crypto::CipherLibrary::kLibsodium);
  Way fastest(crypto::CipherLibrary::kFastest);
  std::vector<double> by_sodium;
  std::vector<double> by_fastest;
  for (int i = 0; i < kRounds; ++i) {
    by_sodium.push_back(sodium.run());
    by_fastest.push_back(fastest.run());
  }
  const auto print = [](const char* name, double seconds) {
    fmt::print("{:>10}: {:5.2f} us for a packet of {} bytes, {:5.2f} Gbit/s\n", name, seconds * 1e6,
               kPayload, static_cast<double>(kPayload) * 8 / seconds / 1e9);
  };
  print("libsodium", median(by_sodium));
  print(crypto::packet_library(), median(by_fastest));
  fmt::print("{:.2f} times\n", median(by_sodium) / median(by_fastest));
}

}  // namespace

}  // namespace hsfwd

int main() {
  hsfwd::crypto::initialize();
  hsfwd::compare();
  return 0;
}
