// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

class Connector;

/// All attempts to connect of a node, each for as long as there is the connection that it makes and,
/// later, looks after.
class Attempts {
 public:
  explicit Attempts(Scheduler& scheduler);
  ~Attempts();

  /// Events come later.
  void start(std::unique_ptr<Connector> attempt);
  void end(const Connector& attempt);
  bool empty() const { return attempts_.empty(); }

 private:
  Scheduler& scheduler_;
  std::vector<std::unique_ptr<Connector>> attempts_;
};

}  // namespace hsfwd::hyperdht
