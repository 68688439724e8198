// SPDX-License-Identifier: Apache-2.0
#include "node/first_contact.hpp"

namespace hsfwd {

FirstContact::FirstContact(Scheduler& scheduler, const Node& node, std::function<void()> nobody)
    : timer_(scheduler, [&node, nobody = std::move(nobody)] {
        if (!node.answered()) nobody();
      }) {
  timer_.start(kPatience);
}

}  // namespace hsfwd
