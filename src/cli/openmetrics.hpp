// SPDX-License-Identifier: Apache-2.0
// Figures as collectors read them: OpenMetrics 1.0, or Prometheus' own format for who does not know that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "util/metrics.hpp"

namespace hsfwd::cli {

/// The outcome of a walk over what is counted, as a text.
class OpenMetrics final : public MetricSink {
 public:
  enum class Format { kOpenMetrics, kPrometheus };

  /// What an HTTP Accept asks for.
  static Format wanted(std::string_view accept);
  static const char* content_type(Format format);

  /// Figures with the same name and labels are one: their sum.
  void add(const Metric& metric) override;
  /// Families and figures are in the order of their names and labels.
  std::string to_string(Format format) const;

 private:
  struct Family {
    std::string help;
    MetricKind kind = MetricKind::kGauge;
    MetricUnit unit = MetricUnit::kOne;
    std::map<std::string, std::uint64_t> figures;  // by their labels, as they are written
  };
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace hsfwd::cli
