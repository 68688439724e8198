// SPDX-License-Identifier: Apache-2.0
// Figures for people: aligned columns, sizes, spans of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hsfwd::cli {

/// A list in as many lines as it takes: after `label` on the first, indented on the others.
std::string list_text(const std::string& label, const std::vector<std::string>& items,
                      std::size_t width);

/// A text in as many lines as it takes: after `label` on the first, indented on the others.
std::string wrapped_text(const std::string& label, const std::string& text, std::size_t width);

/// Columns as wide as their content, two spaces apart. Control characters are escaped.
class Table {
 public:
  /// The first row.
  explicit Table(std::vector<std::string> head) { add(std::move(head)); }

  /// As many cells as the header has.
  void add(std::vector<std::string> row) { rows_.push_back({std::move(row), {}}); }
  /// The same, with what does not go into columns below it, in as many lines as it takes.
  void add(std::vector<std::string> row, std::vector<std::string> below) {
    rows_.push_back({std::move(row), std::move(below)});
  }
  /// If needed to fit, cells of the column are shortened in the middle.
  Table& may_shorten(std::size_t column);
  /// Lines of at most `width` characters, without a newline after the last one. Columns that do
  /// not fit are on a second line of each row, indented.
  std::string to_string(std::size_t width) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<std::string> below;
  };

  std::vector<std::size_t> column_widths(std::size_t width) const;

  std::vector<Row> rows_;
  std::vector<std::size_t> may_shorten_;
};

/// Bytes of a line that is shown.
inline constexpr std::size_t kMostOfLine = 4096;
/// As many lines as there is room for, each cut at kMostOfLine. If there are more, the last says how many, and `whole`,
/// which shows them all.
std::string first_lines(const std::string& text, std::size_t rows, const std::string& whole);

/// "1 key", "2 keys"; `many` where it is not `one` with an s.
std::string count_text(std::uint64_t count, std::string_view one, std::string_view many = "");
/// "512 B", "1.5 kB", "20.0 MB".
std::string size_text(std::uint64_t bytes);
/// "42 s", "3 min 5 s", "2 h 10 min", "4 d 1 h".
std::string span_text(std::uint64_t seconds);

}  // namespace hsfwd::cli
