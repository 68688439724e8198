// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kIndent = 4;
// Enough of both ends of a key to tell it from others.
constexpr std::size_t kShortest = 15;
constexpr std::string_view kLeftOut = "...";

std::string without_middle(const std::string& text, std::size_t size) {
  if (text.size() <= size || size <= kLeftOut.size()) return text.substr(0, size);
  const std::size_t tail = (size - kLeftOut.size()) / 2;
  const std::size_t head = size - kLeftOut.size() - tail;
  return fmt::format("{}{}{}", text.substr(0, head), kLeftOut, text.substr(text.size() - tail));
}

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

Table& Table::may_shorten(std::size_t column) {
  may_shorten_.push_back(column);
  return *this;
}

std::vector<std::size_t> Table::column_widths(std::size_t width) const {
  std::vector<std::size_t> widths(rows_.front().cells.size());
  std::size_t sum = (widths.size() - 1) * kGap;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    for (const Row& row : rows_) widths[i] = std::max(widths[i], printable(row.cells[i]).size());
    sum += widths[i];
  }
  for (const std::size_t column : may_shorten_) {
    const std::size_t least = std::min(widths[column], kShortest);
    const std::size_t off = std::min(sum - std::min(sum, width), widths[column] - least);
    widths[column] -= off;
    sum -= off;
  }
  for (std::size_t& one : widths) one = std::min(one, width - kIndent);
  return widths;
}

std::string Table::to_string(std::size_t width) const {
  const std::vector<std::size_t> widths = column_widths(width);
  std::string out;
  for (const Row& row : rows_) {
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (used + widths[i] > width) {
        trim_end(line);
        line += '\n';
        line.append(kIndent, ' ');
        used = kIndent;
      }
      line += fmt::format("{:<{}}", without_middle(printable(row.cells[i]), widths[i]),
                          widths[i] + kGap);
      used += widths[i] + kGap;
    }
    trim_end(line);
    if (!out.empty()) out += '\n';
    out += line;
    if (row.below.empty()) continue;
    out += '\n';
    out += list_text(std::string(kIndent, ' '), row.below, width);
  }
  return out;
}

std::string list_text(const std::string& label, const std::vector<std::string>& items,
                      std::size_t width) {
  std::string out = label;
  std::size_t used = label.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = items[i] + (i + 1 < items.size() ? "," : "");
    if (i > 0 && used + 1 + item.size() > width) {
      out += '\n';
      out.append(label.size(), ' ');
      used = label.size();
    } else if (i > 0) {
      out += ' ';
      ++used;
    }
    out += item;
    used += item.size();
  }
  return out;
}

std::string wrapped_text(const std::string& label, const std::string& text, std::size_t width) {
  std::string out = label;
  std::size_t used = label.size();
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (!first && used + 1 + word.size() > width) {
      out += '\n';
      out.append(label.size(), ' ');
      used = label.size();
    } else if (!first) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
    first = false;
  }
  return out;
}

std::string first_lines(const std::string& text, std::size_t rows, const std::string& whole) {
  const auto all = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const std::size_t shown = all <= rows ? all : std::max<std::size_t>(rows, 1) - 1;
  std::string out;
  for (std::size_t i = 0, at = 0; i < shown; ++i) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (i > 0) out += '\n';
    out.append(text, at, std::min(end - at, kMostOfLine));
    if (end - at > kMostOfLine) out += "\x1b[0m";  // of a colour that has lost its end
    at = end + 1;
  }
  if (shown == all) return out;
  if (shown > 0) out += '\n';
  return out + fmt::format("... {}: {}", count_text(all - shown, "more line"), whole);
}

std::string count_text(std::uint64_t count, std::string_view one, std::string_view many) {
  if (count == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", count, one) : fmt::format("{} {}", count, many);
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  constexpr double kStep = 1000;
  // What would be rounded up to a thousand belongs to the next unit.
  constexpr double kNext = 999.95;
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / kStep;
  const char* const* unit = std::begin(kUnits);
  while (value >= kNext && unit + 1 != std::end(kUnits)) {
    value /= kStep;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, *unit);
}

std::string span_text(std::uint64_t seconds) {
  const std::uint64_t minutes = seconds / 60;
  const std::uint64_t hours = minutes / 60;
  if (minutes == 0) return fmt::format("{} s", seconds);
  if (hours == 0) return fmt::format("{} min {} s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

}  // namespace hsfwd::cli
