// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "node/peer_stream.hpp"

namespace hsfwd {

namespace hyperdht {
class SessionStream;
}
class SessionRecord;

/// A stream of the session that `record` is of, for those who need not know that there are more of them.
std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::SessionStream> stream,
                                        std::shared_ptr<SessionRecord> record);

}  // namespace hsfwd
