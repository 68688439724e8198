// SPDX-License-Identifier: Apache-2.0
#include "cli/figures.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::cli {

void Figures::add(const Metric& metric) {
  figures_.push_back({std::string(metric.name), metric.labels, metric.value});
}

std::uint64_t Figures::at(std::string_view name, const MetricLabels& labels) const {
  const auto found = std::find_if(figures_.begin(), figures_.end(), [&](const Figure& figure) {
    return figure.name == name && std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
             return std::find(figure.labels.begin(), figure.labels.end(), label) !=
                    figure.labels.end();
           });
  });
  HSFWD_CHECK(found != figures_.end());
  return found->value;
}

}  // namespace hsfwd::cli
