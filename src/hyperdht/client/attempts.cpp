// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/attempts.hpp"

#include <algorithm>
#include <utility>

#include "hyperdht/client/connector.hpp"

namespace hsfwd::hyperdht {

Attempts::Attempts(Scheduler& scheduler) : scheduler_(scheduler) {}

Attempts::~Attempts() = default;

void Attempts::start(std::unique_ptr<Connector> attempt) {
  attempts_.push_back(std::move(attempt));
  attempts_.back()->start();
}

/// Perhaps from inside it.
void Attempts::end(const Connector& attempt) {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(),
                                  [&](const auto& other) { return other.get() == &attempt; });
  if (found == attempts_.end()) return;
  scheduler_.retire(std::move(*found));
  attempts_.erase(found);
}

}  // namespace hsfwd::hyperdht
