// SPDX-License-Identifier: Apache-2.0
#include "platform/log_sink.hpp"

#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "platform/background_writer.hpp"
#include "platform/journal.hpp"

namespace hsfwd::platform {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
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

class WriterSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit WriterSink(BackgroundWriter& writer) : writer_(writer) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_.write({line.data(), line.size()});
  }
  void flush_() override {}

  BackgroundWriter& writer_;
};

spdlog::sink_ptr open_sink(BackgroundWriter* writer) {
  if (writer != nullptr) return std::make_shared<WriterSink>(*writer);
  return std::make_shared<spdlog::sinks::stderr_sink_st>();
}

class SpdlogSink final : public LogSink {
 public:
  SpdlogSink(LogFormat format, BackgroundWriter* writer)
      : format_(format), logger_("hsfwd", open_sink(writer)) {
    logger_.set_level(spdlog::level::trace);  // the threshold is the facade's
    // As the times of events are written.
    logger_.set_pattern(format == LogFormat::kJson
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                            : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                        spdlog::pattern_time_type::utc);
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

class JournalSink final : public LogSink {
 public:
  JournalSink(const Journal& journal, BackgroundWriter* writer)
      : journal_(journal), writer_(writer) {}

  void write(LogLevel level, std::string_view component, std::string_view message) override {
    write_about("", level, component, message);
  }

  void write_about(std::string_view peer, LogLevel level, std::string_view component,
                   std::string_view message) override {
    const std::string text = fmt::format("{}: {}", component, message);
    const std::array<Journal::Field, 2> fields = {
        {{"HSFWD_COMPONENT", component}, {"HSFWD_PEER", peer}}};
    const std::span<const Journal::Field> known(fields.data(), peer.empty() ? 1 : 2);
    if (!journal_.send(level, text, known)) write_line(writer_, plain_line(level, text));
  }

 private:
  static void write_line(BackgroundWriter* writer, const std::string& line) {
    if (writer != nullptr) return writer->write(line);
    std::fputs(line.c_str(), stderr);
  }

  const Journal& journal_;
  BackgroundWriter* const writer_;
};

}  // namespace

std::unique_ptr<LogSink> make_log_sink(LogFormat format, BackgroundWriter* writer,
                                       const Journal* journal) {
  if (journal != nullptr && format == LogFormat::kText) {
    return std::make_unique<JournalSink>(*journal, writer);
  }
  return std::make_unique<SpdlogSink>(format, writer);
}

}  // namespace hsfwd::platform
