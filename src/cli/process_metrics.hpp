// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/keys.hpp"
#include "node/session_info.hpp"
#include "util/time.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::cli {

/// This process, by the names that collectors give such figures everywhere. `began`: in milliseconds
/// since 1970, as the clock said then.
void collect_process(MetricSink& sink, std::uint64_t began);

/// How many sessions there are, by path, and figures of those with peers that tunnels lead to. A peer that comes by
/// itself has none: whoever knows our key could make as many as there are keys.
class SessionTally {
 public:
  /// `peers`: what each is called. What sessions that have ended since the last call had counted then stays in the sums.
  void collect(MetricSink& sink, const std::vector<SessionInfo>& sessions,
               const std::map<PublicKey, std::string>& peers);

 private:
  struct Counters {
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t packets_repeated = 0;
    std::uint64_t packets_lost = 0;
    std::uint64_t moves = 0;
    void add(const Counters& other);
    void collect(MetricSink& sink) const;
  };
  struct Live {
    PublicKey peer;
    Counters counters;
  };
  static Counters counters_of(const SessionInfo& session);
  void settle(const std::vector<SessionInfo>& sessions,
              const std::map<PublicKey, std::string>& peers);

  std::map<std::uint64_t, Live> live_;  // by the session's id
  std::map<PublicKey, Counters> ended_;
};

}  // namespace hsfwd::cli
