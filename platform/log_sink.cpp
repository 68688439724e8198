// SPDX-License-Identifier: Apache-2.0
#include "platform/log_sink.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace hsfwd::platform {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return spdlog::level::trace;
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: return spdlog::level::off;
  }
  return spdlog::level::info;
}

/// The text between the quotes of a JSON string.
std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

class SpdlogSink final : public LogSink {
 public:
  explicit SpdlogSink(LogFormat format)
      : format_(format),
        logger_("hsfwd", std::make_shared<spdlog::sinks::stderr_sink_st>()) {
    logger_.set_level(spdlog::level::trace);  // the threshold is the facade's
    logger_.set_pattern(format == LogFormat::kJson
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                            : "%Y-%m-%d %H:%M:%S.%e %-7l %v");
    logger_.flush_on(spdlog::level::trace);
  }

  void write(LogLevel level, std::string_view component, std::string_view message) override {
    if (format_ == LogFormat::kJson) {
      logger_.log(to_spdlog(level), R"("component":"{}","message":"{}")", component,
                  json_escaped(message));
    } else {
      logger_.log(to_spdlog(level), "{}: {}", component, message);
    }
  }

 private:
  const LogFormat format_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<LogSink> make_log_sink(LogFormat format) {
  return std::make_unique<SpdlogSink>(format);
}

}  // namespace hsfwd::platform
