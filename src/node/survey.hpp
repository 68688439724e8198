// SPDX-License-Identifier: Apache-2.0
// A look at this machine's network: which bootstrap nodes answer, how others see this node, what its
// NAT does with that, and how large packets may be.
#pragma once

#include <functional>
#include <memory>

#include "hyperdht/diagnose/survey_report.hpp"

namespace hsfwd {

class Node;
using hyperdht::SurveyReport;

/// To be started once the node is ready, or nothing is to be expected of that any more.
class Survey {
 public:
  using Done = std::function<void(const SurveyReport&)>;

  Survey(Node& node, Done done);
  ~Survey();
  Survey(const Survey&) = delete;
  Survey& operator=(const Survey&) = delete;

  void start();
  /// Reports what is known by now. Nothing happens if that was reported already.
  void conclude();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hsfwd
