// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "platform/loop.hpp"

namespace hsfwd::platform {

/// Tells when the network of this machine is another: an address came or went, an interface went up
/// or down, or the default route moved. A burst of such changes is told once, shortly after it began.
class InterfaceWatch {
 public:
  virtual ~InterfaceWatch() = default;
};

/// `changed` is called in the loop, as long as the watch lives. Where the system does not tell, it
/// is never called, and there may be no watch at all.
std::unique_ptr<InterfaceWatch> watch_interfaces(Loop& loop, std::function<void()> changed);

}  // namespace hsfwd::platform
