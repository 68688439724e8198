// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace hsfwd::platform {

/// A folder that goes with the object.
struct Scratch {
  Scratch() : path((std::filesystem::temp_directory_path() / "hsfwd-test-XXXXXX").string()) {
    if (mkdtemp(path.data()) == nullptr) std::abort();
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string path;
};

inline mode_t mode_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) std::abort();
  return info.st_mode & 07777;
}

}  // namespace hsfwd::platform
