// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "crypto/keys.hpp"

namespace hsfwd::hyperdht {

class Connector;

/// Attempts to reach the same peer at the same time search for it once: the first leads, the others
/// wait for how it ends. A thousand clients of a tunnel that was just opened cost one search.
class Searches {
 public:
  /// The peer, and who asks for it: a peer may let one key in and not another.
  using Subject = std::pair<crypto::PublicKey, crypto::PublicKey>;

  /// True when there is no other search: the caller leads, and calls end() in any case.
  bool lead(const Subject& subject);
  /// To be told by Connector::on_search_ended.
  void follow(const Subject& subject, Connector& connector);
  void unfollow(const Subject& subject, Connector& connector);
  /// The leader is done; returns the followers, oldest first.
  std::vector<Connector*> end(const Subject& subject);

 private:
  std::map<Subject, std::vector<Connector*>> followers_;  // one entry a leader
};

}  // namespace hsfwd::hyperdht
