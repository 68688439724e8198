// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "crypto/crypto.hpp"
#include "runner.hpp"

namespace fs = std::filesystem;

namespace {

using namespace hsfwd::vectors;

struct Count {
  int passed = 0;
  int failed = 0;
  int not_yet = 0;
};

/// One vector; a failing one is a line.
void run_vector(const std::string& file, const Check& check, const Json& vector, Count& count) {
  const std::string name = vector.value("name", "(no name)");
  try {
    check(vector);
    ++count.passed;
  } catch (const NotYet&) {
    ++count.not_yet;
    std::printf("not yet %s: %s\n", file.c_str(), name.c_str());
  } catch (const std::exception& error) {
    ++count.failed;
    std::printf("FAIL %s: %s: %s\n", file.c_str(), name.c_str(), error.what());
  }
}

Count run_file(const fs::path& path) {
  const std::string file = path.filename().string();
  Count count;
  std::ifstream in(path);
  const Json suite = Json::parse(in, nullptr, false);
  if (suite.is_discarded() || !suite.contains("vectors") || !suite["vectors"].is_array()) {
    std::printf("FAIL %s: is no file of vectors\n", file.c_str());
    count.failed = 1;
  } else {
    const auto known = suites().find(path.stem().string());
    const Check check = known != suites().end() ? known->second : Check(check_not_yet);
    for (const Json& vector : suite["vectors"]) run_vector(file, check, vector, count);
  }
  std::printf("%s: passed %d, failed %d", file.c_str(), count.passed, count.failed);
  if (count.not_yet > 0) std::printf(", not yet %d", count.not_yet);
  std::printf("\n");
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  fs::path folder = HSFWD_VECTORS;
  if (argc == 3 && std::string(argv[1]) == "--dir") {
    folder = argv[2];
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: vectors [--dir FOLDER]\n");
    return 2;
  }
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (error || files.empty()) {
    std::fprintf(stderr, "vectors: no files of vectors in %s\n", folder.c_str());
    return 2;
  }
  std::sort(files.begin(), files.end());
  hsfwd::crypto::initialize();
  int failed = 0;
  for (const fs::path& file : files) failed += run_file(file).failed;
  return failed == 0 ? 0 : 1;
}
