// SPDX-License-Identifier: Apache-2.0
// The log facade of the cores. Arguments of a message below the threshold are never formatted.
// Sinks (spdlog, the simulator's trace) live outside.
#pragma once

#include <fmt/format.h>

#include <string>
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
  /// The same about a peer, whose key the message has.
  virtual void write_about(std::string_view /*peer*/, LogLevel level, std::string_view component,
                           std::string_view message) {
    write(level, component, message);
  }
};

class Log {
 public:
  /// Discards everything.
  Log() = default;
  Log(LogSink& sink, LogLevel threshold) : sink_(&sink), threshold_(threshold) {}

  /// For a message about that peer, whose key is a text that lasts as long as the result is used.
  Log about(std::string_view peer) const {
    Log out = *this;
    out.peer_ = peer;
    return out;
  }

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
    if (!enabled(level)) return;
    // It may quote what a peer has said.
    const std::string message = printable(fmt::format(format, std::forward<Args>(args)...));
    if (peer_.empty()) {
      sink_->write(level, component, message);
    } else {
      sink_->write_about(peer_, level, component, message);
    }
  }

  LogSink* sink_ = nullptr;
  LogLevel threshold_ = LogLevel::kOff;
  std::string_view peer_;
};

}  // namespace hsfwd
