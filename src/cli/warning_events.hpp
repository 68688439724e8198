// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cli/events/notices.hpp"
#include "cli/output.hpp"
#include "util/log.hpp"

namespace hsfwd::cli {

/// Hands the lines of the log on, and makes events of those that people see without -v.
class WarningEvents final : public LogSink {
 public:
  WarningEvents(std::unique_ptr<LogSink> lines, const Output& output)
      : lines_(std::move(lines)), output_(output) {}

  void write(LogLevel level, std::string_view component, std::string_view message) override {
    lines_->write(level, component, message);
    tell(level, component, message);
  }

  void write_about(std::string_view peer, LogLevel level, std::string_view component,
                   std::string_view message) override {
    lines_->write_about(peer, level, component, message);
    tell(level, component, message);
  }

 private:
  void tell(LogLevel level, std::string_view component, std::string_view message) const {
    if (level < LogLevel::kWarning) return;
    events::Warning event{told(std::string(message)), {}};
    event.component = std::string(component);
    output_.event(event, "");
  }

  const std::unique_ptr<LogSink> lines_;
  const Output& output_;
};

}  // namespace hsfwd::cli
