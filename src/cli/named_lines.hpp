// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/address_book.hpp"
#include "util/log.hpp"

namespace hsfwd::cli {

/// Hands the lines of the log on; those that begin with the key of a peer that has a name begin with that: what is below
/// this layer knows no names.
class NamedLines final : public LogSink {
 public:
  NamedLines(std::unique_ptr<LogSink> lines, const PeerNames& names)
      : lines_(std::move(lines)), names_(names) {}

  void write(LogLevel level, std::string_view component, std::string_view message) override {
    lines_->write(level, component, message);
  }

  void write_about(std::string_view peer, LogLevel level, std::string_view component,
                   std::string_view message) override {
    const std::string named = with_name(peer, message);
    lines_->write_about(peer, level, component, named.empty() ? message : named);
  }

 private:
  /// Empty: it stays as it is.
  std::string with_name(std::string_view peer, std::string_view message) const {
    const auto key = message.starts_with(peer) ? parse_key(peer) : std::nullopt;
    if (!key || !names_.of(*key)) return "";
    return names_.shown_with_key(*key) + std::string(message.substr(peer.size()));
  }

  const std::unique_ptr<LogSink> lines_;
  const PeerNames& names_;
};

}  // namespace hsfwd::cli
