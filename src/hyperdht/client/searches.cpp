// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/searches.hpp"

namespace hsfwd::hyperdht {

bool Searches::lead(const Subject& subject) {
  return followers_.try_emplace(subject).second;
}

void Searches::follow(const Subject& subject, Connector& connector) {
  followers_.at(subject).push_back(&connector);
}

void Searches::unfollow(const Subject& subject, Connector& connector) {
  const auto found = followers_.find(subject);
  if (found != followers_.end()) std::erase(found->second, &connector);
}

std::vector<Connector*> Searches::end(const Subject& subject) {
  auto node = followers_.extract(subject);
  return node.empty() ? std::vector<Connector*>() : std::move(node.mapped());
}

}  // namespace hsfwd::hyperdht
