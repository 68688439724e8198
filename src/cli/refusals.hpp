// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "cli/address_book.hpp"
#include "node/hsfwd.hpp"
#include "util/log.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// Reports clients that are refused: each key once a minute, though one attempt arrives by many
/// ways, and of a crowd only the number. Strangers, and programs that try again and again, cannot fill the log.
class Refusals {
 public:
  /// `names` are told with the keys that have one.
  Refusals(Scheduler& scheduler, const Log& log, const PeerNames& names);

  /// `component`: who refuses, as the log calls it; a name that lasts.
  void add(const char* component, const PublicKey& key);
  /// One more than the limits allow: for the first the reason is reported, for more within the
  /// minute only their number.
  void add_excess(const char* component, const std::string& why);
  /// What a local client asked for and why it does not get it, one line for people: each such line once a minute, and
  /// of a crowd only the number. False: it is not told, because it was.
  bool add_request(const char* component, const std::string& line);

 private:
  static constexpr std::size_t kMaxTold = 20;

  void on_minute();

  const Log& log_;
  const PeerNames& names_;
  std::set<PublicKey> told_;
  std::uint64_t untold_ = 0;  // attempts of other keys
  const char* untold_by_ = "";
  bool excess_told_ = false;
  std::uint64_t excess_ = 0;
  std::set<std::string> told_requests_;
  std::uint64_t untold_requests_ = 0;
  const char* requests_by_ = "";
  const char* excess_by_ = "";
  Timer minute_timer_;
};

}  // namespace hsfwd::cli
