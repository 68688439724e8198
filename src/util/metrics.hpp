// SPDX-License-Identifier: Apache-2.0
// What is counted, as one walk: a class that counts has one collect(), which hands its figures to a
// sink and those of its parts along with them. What is shown anywhere is taken from there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/time.hpp"

namespace hsfwd {

enum class MetricKind {
  kCounter,  // only ever grows, as long as what it is of is there
  kGauge,    // as it stands now
};

/// Name and value. What tells figures of one name apart.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

enum class MetricUnit {
  kOne,           // things, or bytes
  kMicroseconds,  // of a time, which is shown in seconds
};

/// One figure, a whole number. docs/metrics.md lists all.
struct Metric {
  std::string_view name;  // hsfwd_..., of small letters and '_'
  std::string_view help;
  MetricKind kind;
  MetricLabels labels;
  std::uint64_t value;
  MetricUnit unit = MetricUnit::kOne;
};

class MetricSink {
 public:
  virtual ~MetricSink() = default;
  /// The texts end with the call.
  virtual void add(const Metric& metric) = 0;

  void counter(std::string_view name, std::string_view help, std::uint64_t value,
               MetricLabels labels = {}) {
    add({name, help, MetricKind::kCounter, std::move(labels), value});
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value,
             MetricLabels labels = {}) {
    add({name, help, MetricKind::kGauge, std::move(labels), value});
  }
  void seconds(MetricKind kind, std::string_view name, std::string_view help, Duration value,
               MetricLabels labels = {}) {
    add({name, help, kind, std::move(labels), static_cast<std::uint64_t>(value.to_micros()),
         MetricUnit::kMicroseconds});
  }
};

/// Hands everything on with further labels: those of whoever owns what is walked over.
class LabellingSink final : public MetricSink {
 public:
  LabellingSink(MetricSink& sink, MetricLabels labels) : sink_(sink), labels_(std::move(labels)) {}

  void add(const Metric& metric) override {
    Metric out = metric;
    out.labels.insert(out.labels.begin(), labels_.begin(), labels_.end());
    sink_.add(out);
  }

 private:
  MetricSink& sink_;
  const MetricLabels labels_;
};

}  // namespace hsfwd
