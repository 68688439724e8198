// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace hsfwd::platform {

/// The number in a file of /proc/sys, by its name in the form of sysctl(8); nothing if it is not there.
using ReadSetting = std::function<std::optional<long>(const std::string& name)>;
std::optional<long> read_setting(const std::string& name);

/// Why a system does not let a user without privileges have namespaces, and what changes that; one line for
/// people. `error` is what it has said.
std::string namespace_refusal(int error, const ReadSetting& setting = read_setting);

}  // namespace hsfwd::platform
