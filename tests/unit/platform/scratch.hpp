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

}  // namespace hsfwd::platform
