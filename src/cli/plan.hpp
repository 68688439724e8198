// SPDX-License-Identifier: Apache-2.0
// What a configuration file asks for, with every value checked: nothing is started before all of
// it is valid.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "config/config.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

struct Plan {
  struct Expose {
    std::string identity;  // path
    std::vector<forward::Service> services;
    std::set<PublicKey> allow;
    bool client_relays = true;
  };
  /// One local address; a [[connect]] has one or more.
  struct Connect {
    PeerReference peer;
    forward::LocalForward forward;
  };

  Options node;
  forward::Admission::Limits limits;
  std::string identity;  // path
  std::vector<Expose> exposes;
  std::vector<Connect> connects;
  std::vector<std::string> warnings;  // a line for people each
};

/// Throws UserError with the file, the line and what would be right.
Plan make_plan(const config::Config& config, const std::string& file);

/// For a configuration on standard input.
inline constexpr const char* kStandardInput = "-";
/// The file's name in messages.
std::string plan_file_name(const std::string& file);
/// What --config names, or the first of the default files that exists. Throws UserError.
std::string choose_plan_file(const CommandLine& line);
/// The same for a file or standard input; those of its identities that exist are usable.
/// Throws UserError.
Plan load_plan(const std::string& file);

}  // namespace hsfwd::cli
