// SPDX-License-Identifier: Apache-2.0
// Files that hold a secret: read without leaving copies of it in memory, and only as long as they
// are kept to their owner.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace hsfwd::platform {

/// A short text that is overwritten when it goes out of use, and never copied before.
class SecretText {
 public:
  static constexpr std::size_t kMaxSize = 4096;  // bytes; an identity has 65

  SecretText();
  ~SecretText();
  SecretText(SecretText&& other) noexcept;
  SecretText& operator=(SecretText&& other) noexcept;

  /// Without the white space at its end.
  std::string_view trimmed() const;
  std::string_view view() const { return text_; }
  void append(std::string_view more);
  /// All that a descriptor has. The error is one clause.
  static Result<SecretText, std::string> read(int fd);

 private:
  std::string text_;
};

/// Why others than this process's user and root may have read a file, with the remedy; empty if none
/// can have, or if there is none.
std::string why_exposed(const std::string& path);

struct SecretFile {
  SecretText text;
  // Why others than its reader and root may have read it, with the remedy; empty if none can have.
  std::string exposed;
};

/// Nothing if there is no such file. The error is one clause.
Result<std::optional<SecretFile>, std::string> read_secret_file(const std::string& path);

}  // namespace hsfwd::platform
