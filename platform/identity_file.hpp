// SPDX-License-Identifier: Apache-2.0
// Identities on disk: a file with the 64 hexadecimal digits of a seed, readable by its owner alone, or
// with the secret in a form of another program's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/keys.hpp"
#include "platform/file_lock.hpp"
#include "util/log.hpp"
#include "util/result.hpp"
#include "util/time.hpp"

namespace hsfwd::platform {

/// Where identities live unless told otherwise: $XDG_STATE_HOME/hsfwd or ~/.local/state/hsfwd.
std::string default_state_directory();
/// Stands for a path: the identity is in the environment, as containers have it.
inline constexpr const char* kIdentityVariable = "$HSFWD_IDENTITY";
/// The file of the default identity, or of the one with that name. Without a name it is
/// kIdentityVariable where that is set, or the file that it names by a path.
std::string default_identity_path(const std::string& name = {});

struct Identity {
  /// What its form says of who may connect to the key.
  enum class Access {
    kUnsaid,
    kShared,  // those who have the same secret
    kListed,  // those on a list
  };
  crypto::KeyPair keys;
  bool created = false;
  Access access = Access::kUnsaid;
};

/// Reads a text that is not 64 hexadecimal digits. The error is one clause for people, and tells nothing
/// of what is in it.
using OtherForms = Result<Identity, std::string> (*)(std::string_view text);

/// Reads an identity that is kept to its owner (SecretFile::exposed); nothing if there is none yet. "-"
/// reads one from standard input. The error is one line for people that names the file.
Result<std::optional<Identity>, std::string> read_identity(const std::string& path,
                                                           OtherForms other = nullptr);
/// The same, and makes it on first use. Two processes that do so at once have the same one.
Result<Identity, std::string> load_identity(const std::string& path, Random& random,
                                            OtherForms other = nullptr);
/// Makes a new file, whole or not at all; an existing one is left alone and is an error.
Result<Identity, std::string> create_identity(const std::string& path, Random& random);

/// Held by the one process that announces a key. It goes by the key, since links and copies make
/// many paths of one identity, which may as well lie where nothing can be written. Users of one
/// machine have a lock each.
class IdentityLock {
 public:
  /// Another process has it.
  struct Taken {
    std::string why;         // one line for people
    bool same_file = false;  // it read the key from the same file
  };

  /// Where no lock can be had, for lack of a folder that can be written, it goes without one, and
  /// says so to the log.
  static Result<IdentityLock, Taken> acquire(const crypto::PublicKey& key,
                                             const std::string& identity_path, const Log& log);
  /// The same, and waits for one that read the key from another file: an older installation, which
  /// this one replaces. Blocks for `at_most`.
  static Result<IdentityLock, Taken> await(const crypto::PublicKey& key,
                                           const std::string& identity_path, const Log& log,
                                           Duration at_most);

 private:
  FileLock lock_;
};

}  // namespace hsfwd::platform
