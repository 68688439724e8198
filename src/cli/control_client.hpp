// SPDX-License-Identifier: Apache-2.0
// The commands that talk to the running `hsfwd up`: they differ in what they ask and what they
// show.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/control_inquiry.hpp"
#include "cli/control_request.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace hsfwd::cli {

/// `-c FILE` and `--socket PATH`, by which `up` and its clients find each other.
void add_control_options(CommandLine& line, const char* about_config);

/// What a failure to ask means to whoever asked. `subject` follows "hsfwd up runs", for people.
UserError error_of_up(const ControlInquiry::Failure& failure, ControlCommand command,
                      const std::string& subject);
/// Those of the paths that exist; the first if none does, for the message.
std::vector<std::string> present_sockets(std::vector<std::string> paths);

/// An answer as text for people, which may throw what nlohmann throws when a field is missing, and its colours.
struct AnswerText {
  std::string (*text)(const Json& answer);
  Output::Paint paint = nullptr;
};

/// Answers as lines that may be shown, each under the command that it is of, unless that is `up`.
std::string shown_text(const std::vector<Json>& answers, const AnswerText& text, bool colours);

/// Asks the `up` that a parsed command line with these options means, and shows the answer as an event;
/// the exit code. Throws UserError.
int ask_up(const CommandLine& line, ControlCommand command, const AnswerText& text);
/// The same as a whole command of that name.
int run_control_command(const Arguments& arguments, ControlCommand command,
                        const std::string& about, const AnswerText& text);

}  // namespace hsfwd::cli
