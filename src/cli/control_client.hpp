// SPDX-License-Identifier: Apache-2.0
// The commands that talk to the running `hsfwd up`: they differ in what they ask and what they
// show.
#pragma once

#include <string>

#include "cli/commands.hpp"
#include "cli/control_request.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace hsfwd::cli {

/// `-c FILE` and `--socket PATH`, by which `up` and its clients find each other.
void add_control_options(CommandLine& line, const char* about_config);

/// An answer as text for people, which may throw what nlohmann throws when a field is missing, and its colours.
struct AnswerText {
  std::string (*text)(const Json& answer);
  Output::Paint paint = nullptr;
};

/// Asks the `up` that a parsed command line with these options means, and shows the answer as an event;
/// the exit code. Throws UserError.
int ask_up(const CommandLine& line, ControlCommand command, const AnswerText& text);
/// The same as a whole command of that name.
int run_control_command(const Arguments& arguments, ControlCommand command,
                        const std::string& about, const AnswerText& text);

}  // namespace hsfwd::cli
