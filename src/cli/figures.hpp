// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/metrics.hpp"

namespace hsfwd::cli {

/// The outcome of a walk over what is counted, to be looked up in.
class Figures final : public MetricSink {
 public:
  /// All that `object` counts.
  template <class Object>
  static Figures of(const Object& object) {
    Figures out;
    object.collect(out);
    return out;
  }

  void add(const Metric& metric) override;
  /// The first of that name with these labels, and others maybe. There has to be one.
  std::uint64_t at(std::string_view name, const MetricLabels& labels = {}) const;

 private:
  struct Figure {
    std::string name;
    MetricLabels labels;
    std::uint64_t value;
  };
  std::vector<Figure> figures_;
};

}  // namespace hsfwd::cli
