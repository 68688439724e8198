// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::crypto {

/// Whose ChaCha20-Poly1305. The bytes are the same.
enum class CipherLibrary {
  kFastest,    // for each size, of those that are there
  kLibsodium,  // for comparison
};

}  // namespace hsfwd::crypto
