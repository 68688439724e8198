// SPDX-License-Identifier: Apache-2.0
// Writes a corpus to files, as libFuzzer takes it: fuzz_seeds CORPUS FOLDER
#include <cstdio>
#include <fstream>
#include <string>

#include "fuzz/seeds.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: fuzz_seeds CORPUS FOLDER\n", stderr);
    return 2;
  }
  const auto all = hsfwd::fuzz::seeds(argv[1]);
  std::size_t number = 0;
  for (const hsfwd::Bytes& seed : all) {
    std::ofstream out(std::string(argv[2]) + "/seed-" + std::to_string(number++));
    out.write(reinterpret_cast<const char*>(seed.data()),
              static_cast<std::streamsize>(seed.size()));
    if (!out.flush()) {
      std::fprintf(stderr, "fuzz_seeds: cannot write to %s\n", argv[2]);
      return 1;
    }
  }
  return all.empty() ? 1 : 0;
}
