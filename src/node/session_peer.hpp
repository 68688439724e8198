// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "node/peer_stream.hpp"

namespace hsfwd {

namespace hyperdht {
class SessionStream;
}

/// A stream of a session, for those who need not know that there are more of them.
std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::SessionStream> stream);

}  // namespace hsfwd
