// SPDX-License-Identifier: Apache-2.0
// What is asked on the control socket, as a line: {"command":"status"}.
#pragma once

#include <string>
#include <string_view>

#include "util/result.hpp"

namespace hsfwd::cli {

enum class ControlCommand { kStatus, kPeers, kAttempts, kReload, kDown };

/// As it is written in a request.
const char* to_string(ControlCommand command);

struct ControlRequest {
  ControlCommand command = ControlCommand::kStatus;

  /// Bytes of a request, without the end of its line.
  static constexpr std::size_t kMaxSize = 4096;

  /// Without the end of the line.
  std::string encode() const;
  /// Strict: fields that a later version may add are refused, not ignored. The error
  /// is one line for people.
  static Result<ControlRequest, std::string> decode(std::string_view line);
};

}  // namespace hsfwd::cli
