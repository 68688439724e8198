// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "platform/unique_fd.hpp"
#include "util/random.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// A new file, for its owner alone, that is there under its name whole and on the disk, or not at
/// all, whenever the process or the machine stops. Where a file system has nameless files, nothing
/// is left of one that was not published. The errors are those of errno.
class FreshFile {
 public:
  /// In the folder of `path`, which has to be there.
  static Result<FreshFile, int> create(const std::string& path, Random& random);
  FreshFile(FreshFile&& other) noexcept;
  FreshFile& operator=(FreshFile&&) = delete;
  ~FreshFile();

  Result<void, int> write(std::string_view text);
  /// Gives it its name. EEXIST, and nothing is changed, if another file has it.
  Result<void, int> publish();

 private:
  FreshFile() = default;
  bool open_nameless();
  bool open_named(Random& random);
  int rename_in_place() const;

  UniqueFd folder_;
  UniqueFd file_;
  std::string name_;
  std::string temporary_;  // empty: it has no name yet
};

}  // namespace hsfwd::platform
