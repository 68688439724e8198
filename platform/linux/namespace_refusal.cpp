// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/namespace_refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace hsfwd::platform {

namespace {

constexpr const char* kNoNetwork = "a program cannot have a network of its own here: ";

}  // namespace

std::optional<long> read_setting(const std::string& name) {
  std::string path = "/proc/sys/" + name;
  std::replace(path.begin(), path.end(), '.', '/');
  std::ifstream file(path);
  long number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

std::string namespace_refusal(int error, const ReadSetting& setting) {
  for (const char* kind : {"user", "net", "mnt", "pid"}) {
    const std::string name = fmt::format("user.max_{}_namespaces", kind);
    if (setting(name) != 0) continue;
    return fmt::format("{}{} is 0; an administrator allows it with sysctl -w {}=10000", kNoNetwork,
                       name, name);
  }
  constexpr const char* kDebian = "kernel.unprivileged_userns_clone";
  if (setting(kDebian) == 0) {
    return fmt::format("{}{} is 0; an administrator allows it with sysctl -w {}=1", kNoNetwork,
                       kDebian, kDebian);
  }
  constexpr const char* kAppArmor = "kernel.apparmor_restrict_unprivileged_userns";
  if (setting(kAppArmor).value_or(0) != 0) {
    return fmt::format(
        "{}AppArmor allows user namespaces to named programs only; an administrator allows it "
        "with a profile for hsfwd that says \"userns,\", or to all with sysctl -w {}=0",
        kNoNetwork, kAppArmor);
  }
  if (error == ENOSPC || error == EUSERS) {
    return fmt::format("{}there are as many namespaces as user.max_user_namespaces allows",
                       kNoNetwork);
  }
  if (error == ENOSYS || error == EINVAL) {
    return fmt::format("{}the kernel was built without user namespaces", kNoNetwork);
  }
  if (error == EPERM || error == EACCES) {
    return fmt::format(
        "{}user namespaces are forbidden ({}); a container has to allow them (docker run "
        "--security-opt seccomp=unconfined)",
        kNoNetwork, std::system_category().message(error));
  }
  return kNoNetwork + std::system_category().message(error);
}

}  // namespace hsfwd::platform
