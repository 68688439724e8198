// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::cli {

/// What scripts rely on; numbers above 2 are those of sysexits.h.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kPeerUnreachable = 69,  // not found, or not reachable; or no `up` runs
  kTryLater = 75,         // no network
  kRefused = 77,          // by policy, or by permissions
  kBadConfig = 78,
  kSignalBase = 128,
};

}  // namespace hsfwd::cli
