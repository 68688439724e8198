// SPDX-License-Identifier: Apache-2.0
// Identities on disk: a file with the 64 hexadecimal digits of a seed, readable by its owner alone.
#pragma once

#include <optional>
#include <string>

#include "crypto/keys.hpp"
#include "platform/file_lock.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// Where identities live unless told otherwise: $XDG_STATE_HOME/hsfwd or ~/.local/state/hsfwd.
std::string default_state_directory();
/// The file of the default identity, or of the one with that name.
std::string default_identity_path(const std::string& name = {});

struct Identity {
  crypto::KeyPair keys;
  bool created = false;
};

/// Reads an identity; nothing if there is none yet. "-" reads one from standard input. The error is
/// one line for people that names the file.
Result<std::optional<Identity>, std::string> read_identity(const std::string& path);
/// The same, and makes it on first use.
Result<Identity, std::string> load_identity(const std::string& path, Random& random);
/// Makes a new file; an existing one is left alone and is an error.
Result<Identity, std::string> create_identity(const std::string& path, Random& random);

/// Held by the one process that announces an identity.
class IdentityLock {
 public:
  /// The error is one line for people. Locks of "-" are not needed and always granted.
  static Result<IdentityLock, std::string> acquire(const std::string& identity_path);

 private:
  FileLock lock_;
};

}  // namespace hsfwd::platform
