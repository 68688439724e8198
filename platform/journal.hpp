// SPDX-License-Identifier: Apache-2.0
// The system's journal, where what a service says ends up: told in its own protocol, an entry has a priority
// and fields beside the text, and no time but the journal's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/unique_fd.hpp"
#include "util/log.hpp"

namespace hsfwd::platform {

class Journal {
 public:
  struct Field {
    std::string_view name;  // capitals, digits and _
    std::string_view value;
  };
  static constexpr const char* kSocket = "/run/systemd/journal/socket";
  static constexpr std::size_t kMaxMessage = 48 * 1024;  // bytes, as the journal's of a line
  static constexpr std::size_t kMaxValue = 1024;

  /// Nothing unless what is written to that descriptor ends up in the journal, as $JOURNAL_STREAM says.
  static std::unique_ptr<Journal> behind(int fd, const char* socket = kSocket);

  /// Never waits. False if the journal does not take it at the moment; it is then said as any program says
  /// it, see plain_line(). What is too long is cut. No value, whoever it comes from, makes another field.
  bool send(LogLevel level, std::string_view message, std::span<const Field> fields) const;

 private:
  explicit Journal(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

/// The same for a descriptor that leads there: a line with its end, or several, each with the priority.
std::string plain_line(LogLevel level, std::string_view message);

}  // namespace hsfwd::platform
