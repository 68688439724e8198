// SPDX-License-Identifier: Apache-2.0
#include "platform/identity_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <vector>

#include "crypto/crypto.hpp"
#include "platform/directories.hpp"
#include "platform/fresh_file.hpp"
#include "platform/secret_file.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr int kStandardInput = 0;        // descriptor
constexpr std::size_t kLockDigits = 32;  // of the hash of a key; two keys do not meet

Err<std::string> failed(const std::string& path, const std::string& what) {
  return Err(fmt::format("identity {}: {}", path, what));
}

Result<std::optional<Identity>, std::string> parse(const std::string& path, const SecretText& text,
                                                   OtherForms other) {
  const std::string_view digits = text.trimmed();
  auto bytes = digits.size() == 2 * crypto::Seed::kSize ? from_hex(digits) : std::nullopt;
  if (!bytes && other != nullptr) {
    auto identity = other(digits);
    if (!identity) return failed(path, identity.error());
    return std::optional(std::move(*identity));
  }
  if (!bytes) return failed(path, "is not 64 hexadecimal digits");
  const auto seed = crypto::Seed::from(*bytes);
  crypto::wipe(*bytes);
  return std::optional(Identity{crypto::KeyPair::from_seed(seed), false});
}

/// Nothing if it is not set, or empty.
const char* variable() {
  const char* const value = std::getenv(kIdentityVariable + 1);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// A file that the variable names, in place of holding the secret: as a path is written, which no form of a secret is.
bool names_file(const std::string& value) {
  return value.starts_with('/') || value.starts_with("./") || value.starts_with("../") ||
         value.starts_with("~/");
}

/// The line that a file has of a seed.
SecretText line_of(const crypto::Seed& seed) {
  std::string digits = to_hex(seed.view());
  SecretText out;
  out.append(digits);
  out.append("\n");
  crypto::wipe({reinterpret_cast<std::uint8_t*>(digits.data()), digits.size()});
  return out;
}

/// 0 or the error number.
int store(const std::string& path, const crypto::Seed& seed, Random& random) {
  auto file = FreshFile::create(path, random);
  if (!file) return file.error();
  if (const auto written = file->write(line_of(seed).view()); !written) return written.error();
  const auto published = file->publish();
  return published ? 0 : published.error();
}

/// The file that links lead to; empty for standard input.
std::string canonical(const std::string& path) {
  std::error_code error;
  return path == "-" ? "" : std::filesystem::canonical(path, error).string();
}

/// One lock of a key, in the first of these folders where there can be one.
std::vector<std::string> lock_directories() {
  std::vector<std::string> out = {default_state_directory() + "/locks"};
  if (const auto runtime = runtime_directory()) out.push_back(*runtime + "/locks");
  return out;
}

}  // namespace

std::string default_state_directory() {
  return xdg_directory("XDG_STATE_HOME", ".local/state");
}

std::string default_identity_path(const std::string& name) {
  if (name.empty() && variable() != nullptr) {
    if (!names_file(variable())) return kIdentityVariable;
    // One that cannot be resolved fails by that name when it is read.
    const auto path = resolve_path(variable());
    return path ? *path : variable();
  }
  const std::string base = default_state_directory() + "/identity";
  return name.empty() ? base : base + "." + name;
}

Result<std::optional<Identity>, std::string> read_identity(const std::string& path,
                                                           OtherForms other) {
  if (path == "-") {
    const auto text = SecretText::read(kStandardInput);
    if (!text) return failed("on standard input", text.error());
    return parse("on standard input", *text, other);
  }
  if (path == kIdentityVariable) {
    SecretText text;
    text.append(std::string_view(variable()).substr(0, SecretText::kMaxSize));
    return parse(path, text, other);
  }
  const auto file = read_secret_file(path);
  if (!file) return failed(path, file.error());
  if (!*file) return std::optional<Identity>();
  if (!(*file)->exposed.empty()) return failed(path, (*file)->exposed);
  return parse(path, (*file)->text, other);
}

Result<Identity, std::string> load_identity(const std::string& path, Random& random,
                                            OtherForms other) {
  auto identity = read_identity(path, other);
  if (!identity) return Err(identity.error());
  if (*identity) return std::move(**identity);
  auto made = create_identity(path, random);
  if (made) return made;
  // Another process may have made it a moment ago: both have the same one then.
  identity = read_identity(path, other);
  if (identity && *identity) return std::move(**identity);
  return made;
}

Result<Identity, std::string> create_identity(const std::string& path, Random& random) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (const int error = parent.empty() ? 0 : make_private_directories(parent); error != 0) {
    return failed(path, fmt::format("its folder cannot be created: {}", std::strerror(error)));
  }
  const crypto::KeyPair keys = crypto::KeyPair::generate(random);
  const int error = store(path, keys.seed(), random);
  if (error == EEXIST) return failed(path, "already exists");
  if (error != 0) return failed(path, fmt::format("cannot be written: {}", std::strerror(error)));
  return Identity{keys, true};
}

Result<IdentityLock, IdentityLock::Taken> IdentityLock::acquire(const crypto::PublicKey& key,
                                                                const std::string& identity_path,
                                                                const Log& log) {
  const std::string digest = to_hex(crypto::blake2b_256(key.view()).view());
  const std::string name = fmt::format("key-{}.lock", digest.substr(0, kLockDigits));
  const std::string shown = identity_path == "-" ? "on standard input" : identity_path;
  const std::string file = canonical(identity_path);
  std::string problems;
  for (const std::string& folder : lock_directories()) {
    const int missing = make_private_directories(folder);
    const std::string path = fmt::format("{}/{}", folder, name);
    auto lock = missing == 0 ? FileLock::acquire(path) : Err(missing);
    if (lock) {
      lock->set_note(file);
      IdentityLock out;
      out.lock_ = std::move(*lock);
      return out;
    }
    if (lock.error() == EWOULDBLOCK) {
      return Err(Taken{fmt::format("identity {} is announced by another hsfwd process; use --name "
                                   "N for a second identity",
                                   shown),
                       FileLock::note_of(path) == file});
    }
    const std::string problem = fmt::format("{}: {}", folder, std::strerror(lock.error()));
    // The folder of a service and that of its user may be one.
    if (problems.find(problem) != std::string::npos) continue;
    problems += problems.empty() ? problem : "; " + problem;
  }
  log.warning("identity", "another process that announces the key of {} would not be noticed: {}",
              shown, problems);
  return IdentityLock();
}

Result<IdentityLock, IdentityLock::Taken> IdentityLock::await(const crypto::PublicKey& key,
                                                              const std::string& identity_path,
                                                              const Log& log, Duration at_most) {
  constexpr Duration kPause = 100_ms;
  auto lock = acquire(key, identity_path, log);
  if (!lock && !lock.error().same_file) {
    log.warning("identity", "another hsfwd process announces it; waiting up to {} s for it to end",
                at_most.to_millis() / 1000);
  }
  for (Duration left = at_most; !lock && !lock.error().same_file && left > Duration();
       left = left - kPause) {
    std::this_thread::sleep_for(std::chrono::microseconds(kPause.to_micros()));
    lock = acquire(key, identity_path, log);
  }
  return lock;
}

}  // namespace hsfwd::platform
