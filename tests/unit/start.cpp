// SPDX-License-Identifier: Apache-2.0
// What comes before the first case; main() is Catch2's. Carries the precompiled header of the tests, too, which is
// most of what compiling them costs.
#include "crypto/crypto.hpp"

namespace {

[[maybe_unused]] const bool ready = [] {
  hsfwd::crypto::initialize();
  return true;
}();

}  // namespace
