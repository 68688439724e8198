// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "hyperdht/wire/path_challenge.hpp"
#include "net/address.hpp"
#include "net/udp.hpp"
#include "util/random.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// Our question whether the peer is at a place (docs/protocol/forward.md, section 11): when it is asked, and which answer is
/// the one that is waited for.
class PlaceQuestion {
 public:
  struct Place {
    net::UdpSocket* socket;
    net::Address address;
    bool operator==(const Place&) const = default;
  };

  /// What to send there. Nothing so soon after the last one, whichever place that was for.
  std::optional<PathChallenge> ask(const Place& place, Instant now, Random& random);
  bool asks(const Place& place) const { return place_ == place; }
  /// It is the answer, from the place that was asked. None is waited for then.
  bool is_answered(const Place& from, const PathChallenge& answer);

 private:
  std::optional<Place> place_;
  PathChallenge::Nonce nonce_{};
  Instant began_;  // to ask there
  Instant asked_;  // lastly
};

}  // namespace hsfwd::hyperdht
