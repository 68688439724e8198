// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "util/log.hpp"

namespace hsfwd::platform {

enum class LogFormat { kText, kJson };

/// Writes to standard error, one line a message, with the time.
std::unique_ptr<LogSink> make_log_sink(LogFormat format);

}  // namespace hsfwd::platform
