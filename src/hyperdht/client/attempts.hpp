// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "util/owned_set.hpp"

namespace hsfwd::hyperdht {

class Connector;

/// All attempts to connect of a node, each for as long as there is the connection that it makes and,
/// later, looks after.
class Attempts {
 public:
  explicit Attempts(Scheduler& scheduler);
  ~Attempts();

  /// Events come later.
  Connector& start(std::unique_ptr<Connector> attempt);
  void end(const Connector& attempt);
  bool empty() const { return attempts_.empty(); }

 private:
  OwnedSet<Connector> attempts_;
};

}  // namespace hsfwd::hyperdht
