// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::hyperdht {

/// What a server does with a relay that a client names, while it names none itself.
enum class ClientRelayPolicy {
  kRefuse,
  kAnonymous,  // dials it under a key made for that: the relay may be the client's spy
  kOpen,       // under the node's key, which relays may know it by
};

}  // namespace hsfwd::hyperdht
