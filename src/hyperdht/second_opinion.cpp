// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/second_opinion.hpp"

#include "hyperdht/dht.hpp"

namespace hsfwd::hyperdht {

SecondOpinion::SecondOpinion(Dht& dht, const crypto::PublicKey& remote, const crypto::KeyPair& keys,
                             const AttemptLog& log, std::function<void(bool)> done)
    : dht_(dht), remote_(remote), search_(dht, remote, keys, log, *this), done_(std::move(done)) {}

void SecondOpinion::start() {
  NoisePayload payload;
  payload.firewall = static_cast<std::uint64_t>(Firewall::kUnknown);
  payload.secret_stream = 1;
  if (search_.prepare(payload)) search_.start(dht_.relay_cache(remote_));
}

}  // namespace hsfwd::hyperdht
