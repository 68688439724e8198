// SPDX-License-Identifier: Apache-2.0
#include "cli/openmetrics.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::uint64_t kMicrosOfOneSecond = 1'000'000;

/// `quotes`: of a label's value, and not of a help.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string written(const MetricLabels& labels) {
  if (labels.empty()) return "";
  std::string out;
  for (const auto& [name, value] : labels) {
    // A file's names may be no UTF-8, which the format is.
    out +=
        fmt::format("{}{}=\"{}\"", out.empty() ? "{" : ",", name, escaped(printable(value), true));
  }
  return out + "}";
}

std::string written(std::uint64_t value, MetricUnit unit) {
  if (unit == MetricUnit::kOne) return std::to_string(value);
  return fmt::format("{}.{:06}", value / kMicrosOfOneSecond, value % kMicrosOfOneSecond);
}

}  // namespace

OpenMetrics::Format OpenMetrics::wanted(std::string_view accept) {
  const bool knows = accept.find("application/openmetrics-text") != std::string_view::npos;
  return knows ? Format::kOpenMetrics : Format::kPrometheus;
}

const char* OpenMetrics::content_type(Format format) {
  return format == Format::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void OpenMetrics::add(const Metric& metric) {
  auto found = families_.find(metric.name);
  if (found == families_.end()) {
    found = families_.emplace(std::string(metric.name), Family()).first;
    found->second.help = metric.help;
    found->second.kind = metric.kind;
    found->second.unit = metric.unit;
  }
  found->second.figures[written(metric.labels)] += metric.value;
}

std::string OpenMetrics::to_string(Format format) const {
  std::string out;
  for (const auto& [name, family] : families_) {
    const bool is_counter = family.kind == MetricKind::kCounter;
    const std::string sample = is_counter ? name + "_total" : name;
    // In OpenMetrics a family of counters is called without the end that its samples have.
    const std::string& head = format == Format::kOpenMetrics ? name : sample;
    out += fmt::format("# TYPE {} {}\n", head, is_counter ? "counter" : "gauge");
    out +=
        fmt::format("# HELP {} {}\n", head, escaped(family.help, format == Format::kOpenMetrics));
    for (const auto& [labels, value] : family.figures) {
      out += fmt::format("{}{} {}\n", sample, labels, written(value, family.unit));
    }
  }
  return format == Format::kOpenMetrics ? out + "# EOF\n" : out;
}

}  // namespace hsfwd::cli
