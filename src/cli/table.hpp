// SPDX-License-Identifier: Apache-2.0
// Figures for people: aligned columns, sizes, spans of time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hsfwd::cli {

/// Columns as wide as what is in them, two spaces apart. Control characters are written out.
class Table {
 public:
  /// The first row.
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}

  /// As many cells as the head has.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Lines without an end behind the last one.
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "512 B", "1.5 kB", "20.0 MB".
std::string size_text(std::uint64_t bytes);
/// "42 s", "3 min 5 s", "2 h 10 min", "4 d 1 h".
std::string span_text(std::uint64_t seconds);

}  // namespace hsfwd::cli
