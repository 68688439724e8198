// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/events/event.hpp"
#include "platform/journal.hpp"

namespace hsfwd::cli {

/// What an event has beside its text, as fields of the journal: HSFWD_EVENT, then those of its fields that are a
/// text or a number, by the event's names (bytesToPeer: HSFWD_BYTES_TO_PEER), but for the number of a connection,
/// HSFWD_CONNECTION. A peer is the key that people know.
class JournalFields {
 public:
  explicit JournalFields(const Json& event);
  JournalFields(const JournalFields&) = delete;
  JournalFields& operator=(const JournalFields&) = delete;

  std::span<const platform::Journal::Field> all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<platform::Journal::Field> all_;  // of these
};

}  // namespace hsfwd::cli
