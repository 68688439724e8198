// SPDX-License-Identifier: Apache-2.0
#include "forward/policy.hpp"

namespace hsfwd::forward {

bool Policy::allows_service(const crypto::PublicKey& who, std::string_view) const {
  return admits(who);
}

bool Policy::allows_destination(const crypto::PublicKey&, const net::StreamAddress&) const {
  return false;
}

}  // namespace hsfwd::forward
