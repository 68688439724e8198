// SPDX-License-Identifier: Apache-2.0
#include "node/survey.hpp"

#include <memory>

#include "hyperdht/dht.hpp"
#include "hyperdht/diagnose/survey.hpp"
#include "node/internals.hpp"

namespace hsfwd {

struct Survey::Impl {
  Impl(Node& node, Done done) : survey(Internals::dht(node).context(), std::move(done)) {}
  hyperdht::Survey survey;
};

Survey::Survey(Node& node, Done done) : impl_(std::make_unique<Impl>(node, std::move(done))) {}

Survey::~Survey() = default;

void Survey::start() {
  impl_->survey.start();
}

void Survey::conclude() {
  impl_->survey.conclude();
}

}  // namespace hsfwd
