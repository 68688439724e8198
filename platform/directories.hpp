// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace hsfwd::platform {

/// As $HOME says, or else the system.
std::string home_directory();

/// This user as the system has it, whatever the environment says; empty where it knows none.
struct User {
  std::string name;
  std::string home;
};
User own_user();

/// A path as people write it, wherever they do: `~` and `~/x` begin at the user's home, and what is
/// relative begins at `base`, or stays relative if that is empty. What a shell would have filled in
/// (`$HOME`, `${X}`, `~user`) is an error rather than a name. The error is one clause for people.
Result<std::string, std::string> resolve_path(std::string_view text, const std::string& base = {});

/// The folder of this program below the one that the environment names, or below `fallback` in the
/// user's home.
std::string xdg_directory(const char* variable, const std::string& fallback);

/// That of this program, $RUNTIME_DIRECTORY, or else below $XDG_RUNTIME_DIR; nothing where there is none.
std::optional<std::string> runtime_directory();

/// Makes a folder and those above it that are missing, each for its owner alone whatever the umask
/// is, and on the disk. 0 or the error number.
int make_private_directories(const std::string& path);
/// What was made, renamed or deleted in an open folder stays so when the machine stops. 0 or the
/// error number.
int sync_directory(int folder);

}  // namespace hsfwd::platform
