// SPDX-License-Identifier: Apache-2.0
// What may come next on a command line, for the shells' completion (completions/): they ask `hsfwd complete`, which has the
// command itself answer, from the options that it parses.
#pragma once

#include <boost/program_options.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hsfwd::cli {

/// What a word without a flag stands for.
enum class WordKind { kOther, kPeer, kService, kTarget, kCommand };

/// Ahead of the words that CommandLine::parse() shall complete, in place of parsing them.
/// Nobody types it.
inline constexpr const char* kComplete = "\ncomplete";

/// What a command takes.
struct Completable {
  const boost::program_options::options_description& options;
  const std::set<std::string>& unlisted;  // options that are not shown
  const std::vector<WordKind>& words;     // in their order; the last is that of all further ones
};

/// What the last of `words`, behind the command, may become: lines of "WORD\tDESCRIPTION", and at most one that says what the
/// shell itself knows,
///   :files N     files and folders, whose names begin at the Nth character of the word
///   :commands    programs
/// Reads the configuration and asks the running `up`, but nobody else; what is wrong with them, or with the words, is not told.
std::string completions(const Completable& command, const std::vector<std::string>& words);

/// One such line; empty for what a line cannot hold.
std::string completion_line(std::string_view word, std::string_view description);

}  // namespace hsfwd::cli
