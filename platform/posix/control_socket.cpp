// SPDX-License-Identifier: Apache-2.0
#include "platform/control_socket.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include "crypto/crypto.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSocketNameDigits = 16;
constexpr const char* kServiceDirectory = "/run/hsfwd";
constexpr const char* kCommandBegin = "cmd-";
constexpr const char* kUpBegin = "up-";
constexpr int kMaxGroups = 1024;
constexpr const char* kSocketEnd = ".sock";
constexpr const char* kLockEnd = ".lock";
constexpr std::size_t kMaxCommands = 100;  // that are looked at

std::string name_of(const std::string& config_file) {
  std::error_code error;
  fs::path path = fs::weakly_canonical(fs::absolute(config_file, error), error);
  if (error) path = config_file;
  const std::string digest = to_hex(crypto::blake2b_256(as_bytes(path.string())).view());
  return fmt::format("{}{}{}", kUpBegin, digest.substr(0, kSocketNameDigits), kSocketEnd);
}

/// Of the file, or of the nearest folder above that can be seen.
struct stat seen_at(const std::string& path) {
  struct stat out {};
  for (fs::path at = path; stat(at.c_str(), &out) != 0; at = at.parent_path()) {
    if (at == at.parent_path()) break;
  }
  return out;
}

/// Where sockets of this user lie.
std::vector<std::string> socket_folders() {
  std::vector<std::string> out;
  if (const auto runtime = runtime_directory()) out.push_back(*runtime);
  out.push_back(default_state_directory() + "/run");
  return out;
}

std::vector<std::string> in_folders(const std::string& name) {
  std::vector<std::string> out;
  for (const std::string& folder : socket_folders())
    out.push_back(fmt::format("{}/{}", folder, name));
  return out;
}

/// Of a command: cmd-NAME-PID.sock, be the name that of its lock.
std::string command_socket_of(const fs::path& file) {
  std::string path = file.string();
  if (path.ends_with(kLockEnd)) path.erase(path.size() - std::strlen(kLockEnd));
  const std::string name = fs::path(path).filename().string();
  return name.starts_with(kCommandBegin) && name.ends_with(kSocketEnd) ? path : "";
}

/// The process that had it is gone.
bool take_away_left_over(const std::string& path) {
  const auto lock = FileLock::acquire(path + kLockEnd);
  if (!lock) return false;
  std::error_code error;
  fs::remove(path, error);
  fs::remove(path + kLockEnd, error);
  return true;
}

}  // namespace

std::vector<std::string> control_socket_paths(const std::string& config_file) {
  return in_folders(name_of(config_file));
}

std::vector<std::string> command_socket_paths(const std::string& command) {
  return in_folders(fmt::format("{}{}-{}{}", kCommandBegin, command, getpid(), kSocketEnd));
}

std::vector<std::string> command_sockets() {
  std::set<std::string> all;
  for (const std::string& folder : socket_folders()) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string path = command_socket_of(entry->path());
      if (!path.empty() && all.size() < kMaxCommands) all.insert(path);
    }
  }
  std::erase_if(all, take_away_left_over);
  return {all.begin(), all.end()};
}

std::vector<std::string> control_socket_candidates(const std::string& config_file) {
  const std::string name = name_of(config_file);
  std::vector<std::string> out = control_socket_paths(config_file);
  out.push_back(fmt::format("{}/{}", kServiceDirectory, name));
  // Of hsfwd@NAME, which runs NAME.toml.
  out.push_back(
      fmt::format("{}-{}/{}", kServiceDirectory, fs::path(config_file).stem().string(), name));
  return out;
}

bool is_forbidden(const std::string& path) {
  return access(path.c_str(), R_OK | W_OK) != 0 && errno == EACCES;
}

bool is_unseen(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) != 0 && errno == EACCES;
}

bool is_own_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && status.st_uid == geteuid();
}

bool joins_at_next_login(const std::string& name) {
  const group* const found = getgrnam(name.c_str());
  const passwd* const user = getpwuid(getuid());
  if (found == nullptr || user == nullptr || found->gr_gid == getegid()) return false;
  const gid_t wanted = found->gr_gid;
  const auto has = [&](const std::vector<gid_t>& groups) {
    return std::find(groups.begin(), groups.end(), wanted) != groups.end();
  };
  std::vector<gid_t> now(kMaxGroups);
  now.resize(static_cast<std::size_t>(std::max(getgroups(kMaxGroups, now.data()), 0)));
  if (has(now)) return false;
  std::vector<gid_t> later(kMaxGroups);
  int count = kMaxGroups;
  if (getgrouplist(user->pw_name, user->pw_gid, later.data(), &count) < 0) return false;
  later.resize(static_cast<std::size_t>(count));
  return has(later);
}

std::vector<std::string> up_sockets() {
  std::set<std::string> all;
  for (const std::string& folder : socket_folders()) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const bool is_one = name.starts_with(kUpBegin) && name.ends_with(kSocketEnd);
      if (is_one && all.size() < kMaxCommands) all.insert(entry->path().string());
    }
  }
  return {all.begin(), all.end()};
}

std::string group_of(const std::string& path) {
  const struct stat status = seen_at(path);
  const mode_t needed = S_ISDIR(status.st_mode) ? S_IXGRP : S_IWGRP;
  if ((status.st_mode & needed) == 0) return "";
  const group* const found = getgrgid(status.st_gid);
  return found != nullptr ? found->gr_name : std::to_string(status.st_gid);
}

std::string owner_of(const std::string& path) {
  const struct stat status = seen_at(path);
  const passwd* const user = getpwuid(status.st_uid);
  return user != nullptr ? user->pw_name : std::to_string(status.st_uid);
}

ControlSocket::~ControlSocket() {
  if (is_passing_) unlink(lock_path_.c_str());
}

Result<std::unique_ptr<ControlSocket>, ControlSocket::Failure> ControlSocket::open(
    net::StreamFactory& streams, const std::string& path, std::uint32_t mode,
    net::StreamFactory::Accepted accepted) {
  if (const auto parent = fs::path(path).parent_path(); !parent.empty()) {
    const int error = make_private_directories(parent.string());
    if (error != 0) return Err(Failure{false, std::strerror(error)});
  }
  auto lock = FileLock::acquire(path + kLockEnd);
  if (!lock) return Err(Failure{lock.error() == EWOULDBLOCK, std::strerror(lock.error())});
  auto listener = streams.listen({.path = path, .mode = mode}, std::move(accepted));
  if (!listener) return Err(Failure{false, listener.error()});
  auto out = std::make_unique<ControlSocket>();
  out->lock_path_ = path + kLockEnd;
  out->lock_ = std::move(*lock);
  out->listener_ = std::move(*listener);
  return out;
}

}  // namespace hsfwd::platform
