// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/attempts.hpp"

#include <utility>

#include "hyperdht/client/connector.hpp"

namespace hsfwd::hyperdht {

Attempts::Attempts(Scheduler& scheduler) : attempts_(scheduler) {}

Attempts::~Attempts() = default;

Connector& Attempts::start(std::unique_ptr<Connector> attempt) {
  Connector& started = attempts_.add(std::move(attempt));
  started.start();
  return started;
}

/// Perhaps from inside it.
void Attempts::end(const Connector& attempt) {
  attempts_.retire(attempt);
}

}  // namespace hsfwd::hyperdht
