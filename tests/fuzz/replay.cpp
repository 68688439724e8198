// SPDX-License-Identifier: Apache-2.0
// Runs a target where there is no libFuzzer: over its seeds and a fixed number of mutations of
// them.
//
//   fuzz_NAME CORPUS MUTATIONS     the same inputs every time
//   fuzz_NAME FILE...              these inputs
//
// The input under test lies in fuzz_NAME.last while it runs, so that it is there whatever ended the
// process.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/input.hpp"
#include "fuzz/mutator.hpp"
#include "fuzz/seeds.hpp"
#include "sim/random.hpp"
#include "util/text.hpp"

namespace {

using hsfwd::Bytes;

constexpr std::size_t kMaxInput = 4096;

class LastInput {
 public:
  explicit LastInput(std::string path) : path_(std::move(path)) {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    HSFWD_CHECK(fd_ >= 0);
  }
  ~LastInput() {
    close(fd_);
    unlink(path_.c_str());
  }
  LastInput(const LastInput&) = delete;
  LastInput& operator=(const LastInput&) = delete;

  void run(const Bytes& input) {
    const auto size = static_cast<ssize_t>(input.size());
    HSFWD_CHECK(pwrite(fd_, input.data(), input.size(), 0) == size && ftruncate(fd_, size) == 0);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }

 private:
  const std::string path_;
  int fd_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  const auto mutations = argc == 3 ? hsfwd::parse_decimal(argv[2], 1'000'000'000) : std::nullopt;
  if (!mutations) {
    for (int i = 1; i < argc; ++i) {
      std::ifstream in(argv[i], std::ios::binary);
      const Bytes input{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%d inputs\n", argc - 1);
    return 0;
  }
  const std::vector<Bytes> seeds = hsfwd::fuzz::seeds(argv[1]);
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: there is no corpus '%s'\n", argv[0], argv[1]);
    return 2;
  }
  LastInput last{std::string(argv[0]) + ".last"};
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (const Bytes& seed : seeds) {
    if (seed.size() <= kMaxInput) last.run(seed);
  }
  hsfwd::sim::SeededRandom random(1);
  for (std::uint64_t i = 0; i < *mutations; ++i) {
    last.run(hsfwd::fuzz::mutate(seeds, random, kMaxInput));
  }
  std::printf("%zu seeds, %llu mutations\n", seeds.size(),
              static_cast<unsigned long long>(*mutations));
  return 0;
}
