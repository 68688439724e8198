// SPDX-License-Identifier: Apache-2.0
#include "platform/control_socket.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "crypto/crypto.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSocketNameDigits = 16;
constexpr const char* kServiceDirectory = "/run/hsfwd";

std::string name_of(const std::string& config_file) {
  std::error_code error;
  fs::path path = fs::weakly_canonical(fs::absolute(config_file, error), error);
  if (error) path = config_file;
  const std::string digest = to_hex(crypto::blake2b_256(as_bytes(path.string())).view());
  return fmt::format("up-{}.sock", digest.substr(0, kSocketNameDigits));
}

/// Of the file, or of the nearest folder above that can be seen.
struct stat seen_at(const std::string& path) {
  struct stat out {};
  for (fs::path at = path; stat(at.c_str(), &out) != 0; at = at.parent_path()) {
    if (at == at.parent_path()) break;
  }
  return out;
}

}  // namespace

std::vector<std::string> control_socket_paths(const std::string& config_file) {
  const std::string name = name_of(config_file);
  std::vector<std::string> out;
  if (const auto runtime = runtime_directory()) out.push_back(fmt::format("{}/{}", *runtime, name));
  out.push_back(fmt::format("{}/run/{}", default_state_directory(), name));
  return out;
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

Result<std::unique_ptr<ControlSocket>, ControlSocket::Failure> ControlSocket::open(
    net::StreamFactory& streams, const std::string& path, std::uint32_t mode,
    net::StreamFactory::Accepted accepted) {
  if (const auto parent = fs::path(path).parent_path(); !parent.empty()) {
    const int error = make_private_directories(parent.string());
    if (error != 0) return Err(Failure{false, std::strerror(error)});
  }
  auto lock = FileLock::acquire(path + ".lock");
  if (!lock) return Err(Failure{lock.error() == EWOULDBLOCK, std::strerror(lock.error())});
  auto listener = streams.listen({.path = path, .mode = mode}, std::move(accepted));
  if (!listener) return Err(Failure{false, listener.error()});
  auto out = std::make_unique<ControlSocket>();
  out->lock_ = std::move(*lock);
  out->listener_ = std::move(*listener);
  return out;
}

}  // namespace hsfwd::platform
