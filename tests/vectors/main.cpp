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
  int not_here = 0;

  void fail(const std::string& file, const std::string& how) {
    ++failed;
    std::printf("FAIL %s: %s\n", file.c_str(), how.c_str());
  }
};

const NotHere* not_here_of(const std::string& suite, const std::string& name) {
  for (const NotHere& one : not_here()) {
    if (one.suite == suite && one.name == name) return &one;
  }
  return nullptr;
}

/// One vector; a failing one is a line.
void run_vector(const std::string& suite, const Check& check, const Json& vector, Count& count) {
  const std::string name = vector.value("name", "(no name)");
  const NotHere* excused = not_here_of(suite, name);
  try {
    check(vector);
    if (excused) return count.fail(suite, name + ": holds, so that it is here after all");
    ++count.passed;
  } catch (const Unknown& unknown) {
    if (!excused) return count.fail(suite, name + ": " + unknown.what());
    ++count.not_here;
    std::printf("not here %s: %s: %s\n", suite.c_str(), name.c_str(), excused->why.c_str());
  } catch (const std::exception& error) {
    count.fail(suite, name + ": " + error.what());
  }
}

Count run_file(const fs::path& path) {
  const std::string name = path.stem().string();
  Count count;
  std::ifstream in(path);
  const Json file = Json::parse(in, nullptr, false);
  const auto suite = suites().find(name);
  if (file.is_discarded() || !file.contains("vectors") || !file["vectors"].is_array() ||
      file["vectors"].empty()) {
    count.fail(name, "is no file of vectors");
  } else if (suite == suites().end()) {
    count.fail(name, "no suite has this name");
  } else {
    for (const Json& vector : file["vectors"]) run_vector(name, suite->second, vector, count);
  }
  std::printf("%s: passed %d, failed %d", name.c_str(), count.passed, count.failed);
  if (count.not_here > 0) std::printf(", not here %d", count.not_here);
  std::printf("\n");
  return count;
}

/// What the program knows and the folder of all vectors does not have.
int missing(const std::vector<fs::path>& files, std::size_t not_here_seen) {
  Count count;
  for (const auto& [name, check] : suites()) {
    const bool there =
        std::any_of(files.begin(), files.end(),
                    [&name = name](const fs::path& path) { return path.stem() == name; });
    if (!there) count.fail(name, "the suite has no file");
  }
  if (not_here_seen != not_here().size()) {
    count.fail("not here", "the list names vectors that are not in the files");
  }
  return count.failed;
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
  std::size_t not_here_seen = 0;
  for (const fs::path& file : files) {
    const Count count = run_file(file);
    failed += count.failed;
    not_here_seen += static_cast<std::size_t>(count.not_here);
  }
  if (argc == 1) failed += missing(files, not_here_seen);
  return failed == 0 ? 0 : 1;
}
