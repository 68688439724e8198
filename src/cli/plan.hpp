// SPDX-License-Identifier: Apache-2.0
// What a configuration file asks for, with every value checked: nothing is started before all of
// it is valid.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/address_book.hpp"
#include "cli/options.hpp"
#include "cli/tunnel_kinds.hpp"
#include "config/config.hpp"
#include "forward/admission.hpp"

namespace hsfwd::cli {

struct Plan {
  Options node;
  forward::Admission::Limits limits;
  std::string identity;                                    // path
  bool default_identity = false;                           // whose path is that of whoever runs it
  std::vector<std::shared_ptr<const TunnelSpec>> tunnels;  // by kinds, then as in the file
  std::vector<std::string> warnings;                       // a line for people each
  PeerNames names;                                         // for whatever is shown
};

/// With the sections of these kinds.
Result<config::Config, config::ConfigError> parse_config(const std::string& text,
                                                         const std::string& file,
                                                         TunnelKinds kinds = tunnel_kinds());
/// Throws UserError with the file, the line and what would be right.
Plan make_plan(const config::Config& config, const std::string& file,
               TunnelKinds kinds = tunnel_kinds());

/// For a configuration on standard input.
inline constexpr const char* kStandardInput = "-";
/// The file's name in messages.
std::string plan_file_name(const std::string& file);
/// Where a configuration file is looked for, where none is named: what HSFWD_CONFIG says, or else the user's file and
/// the machine's. Throws UserError.
std::vector<std::string> configuration_paths();
/// What --config names, or the first of the default files that exists. Throws UserError.
std::string choose_plan_file(const CommandLine& line);
/// The same for a file or standard input; those of its identities that exist are usable.
/// Throws UserError.
Plan load_plan(const std::string& file);

}  // namespace hsfwd::cli
