// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "util/log.hpp"

namespace hsfwd::platform {

enum class LogFormat { kText, kJson };

class BackgroundWriter;
class Journal;

/// Writes to standard error, one line a message, with the time in UTC; in the background if there is a
/// writer. With a journal, text goes there instead, and has the journal's time. Both outlive it.
std::unique_ptr<LogSink> make_log_sink(LogFormat format, BackgroundWriter* writer,
                                       const Journal* journal = nullptr);

}  // namespace hsfwd::platform
