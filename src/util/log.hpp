// SPDX-License-Identifier: Apache-2.0
// The log facade of the cores. Arguments of a message below the threshold are never formatted.
// Sinks (spdlog, the simulator's trace) live outside.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "util/text.hpp"

namespace hsfwd {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError, kOff };

class LogSink {
 public:
  virtual ~LogSink() = default;
  /// `component` names the part of the program ("announcer"), `message` is printable; both views
  /// end with the call.
  virtual void write(LogLevel level, std::string_view component, std::string_view message) = 0;
};

class Log {
 public:
  /// Discards everything.
  Log() = default;
  Log(LogSink& sink, LogLevel threshold) : sink_(&sink), threshold_(threshold) {}

  bool enabled(LogLevel level) const { return level >= threshold_ && sink_ != nullptr; }

  template <class... Args>
  void trace(std::string_view component, fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kTrace, component, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kDebug, component, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kInfo, component, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warning(std::string_view component, fmt::format_string<Args...> format,
               Args&&... args) const {
    write(LogLevel::kWarning, component, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kError, component, format, std::forward<Args>(args)...);
  }

 private:
  template <class... Args>
  void write(LogLevel level, std::string_view component, fmt::format_string<Args...> format,
             Args&&... args) const {
    if (enabled(level)) {
      // It may quote what a peer has said.
      sink_->write(level, component, printable(fmt::format(format, std::forward<Args>(args)...)));
    }
  }

  LogSink* sink_ = nullptr;
  LogLevel threshold_ = LogLevel::kOff;
};

}  // namespace hsfwd
