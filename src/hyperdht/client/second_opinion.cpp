// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/second_opinion.hpp"

#include "hyperdht/client/context.hpp"

namespace hsfwd::hyperdht {

SecondOpinion::SecondOpinion(const ClientContext& context, const crypto::PublicKey& remote,
                             const crypto::KeyPair& keys, bool is_stock, const AttemptLog& log,
                             std::function<void(bool)> done)
    : context_(context),
      remote_(remote),
      is_stock_(is_stock),
      search_(context, remote, keys, log, *this),
      done_(std::move(done)) {}

void SecondOpinion::start() {
  NoisePayload payload;
  payload.firewall = Firewall::kUnknown;
  payload.secret_stream = 1;
  if (is_stock_) payload.udx = UdxInfo{};
  if (search_.prepare(payload)) search_.start(context_.relay_cache.find(remote_));
}

}  // namespace hsfwd::hyperdht
