// SPDX-License-Identifier: Apache-2.0
// The command line: flags that several commands share, and the parsing around boost's.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/completion.hpp"
#include "cli/limits.hpp"
#include "cli/peer_reference.hpp"
#include "cli/user_error.hpp"
#include "node/hsfwd.hpp"
#include "platform/identity_file.hpp"
#include "platform/log_sink.hpp"

namespace hsfwd::cli {

namespace po = boost::program_options;

/// Parses the words after `hsfwd COMMAND`.
class CommandLine {
 public:
  /// `usage` is the line after "usage: ", `about` one sentence.
  CommandLine(std::string usage, std::string about);

  /// The description of one that takes a value begins with a word for it, such as FILE or PEER, by which it is completed.
  po::options_description& options() { return options_; }
  /// Words without a flag go to option `name`, `count` of them (-1: all). `kinds` are as in Completable.
  void positional(const char* name, int count, std::vector<WordKind> kinds);
  void add_node_options();
  void add_identity_options();
  void add_relay_options();
  void add_output_options();
  /// --help does not list that option, which is refused in words of the command's own.
  void hide(std::string option) { unlisted_.insert(std::move(option)); }
  void add_limit_options();
  /// How long a peer that has gone silent is waited for.
  void add_patience_options();
  /// All of these but the limits: shared by commands that make or accept connections.
  void add_connection_options();

  /// Fills values(); false when help, or what may follow (kComplete), was asked for and shown. Throws UserError.
  bool parse(const std::vector<std::string>& arguments);
  const po::variables_map& values() const { return values_; }

  bool has(const char* name) const { return values_.count(name) > 0; }
  std::string text(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  /// A path (platform::resolve_path), empty where none was given. Throws UserError.
  std::string path(const char* name) const;
  /// The first word, which names a peer. Throws UserError without one.
  std::string peer() const;
  bool flag(const char* name) const { return has(name) && values_[name].as<bool>(); }
  /// Everybody on this machine could read a secret among the arguments.
  bool shows_secret() const { return shows_secret_; }

 private:
  [[noreturn]] void refuse_unknown(const po::unknown_option& error) const;

  std::string usage_;
  std::string about_;
  po::options_description options_{"options"};
  po::options_description hidden_;
  po::positional_options_description positional_;
  std::vector<WordKind> word_kinds_;
  std::set<std::string> unlisted_;
  bool takes_all_words_ = false;
  bool shows_secret_ = false;
  po::variables_map values_;
};

struct OutputOptions {
  bool json = false;
  LogLevel level = LogLevel::kWarning;
  platform::LogFormat format = platform::LogFormat::kText;
  bool secret_shown = false;  // on the command line, which deserves a warning
  /// The command continues whether or not anybody reads its output.
  bool lasting = false;
  /// Standard output is for the result alone, one object with --json.
  bool one_object = false;
};
OutputOptions output_options(const CommandLine& line);
OutputOptions lasting_output_options(const CommandLine& line);
OutputOptions one_object(OutputOptions options);

/// With the relays, if the command takes any. Throws UserError.
Options node_options(const CommandLine& line);
/// Throws UserError.
ResourceLimits resource_limits(const CommandLine& line);
std::string identity_path(const CommandLine& line);
/// Created on first use. Throws UserError.
platform::Identity require_identity(const std::string& path, Random& random);
/// Ensures that only this process announces its key. Throws UserError.
platform::IdentityLock require_lock(const platform::Identity& identity, const std::string& path,
                                    const Log& log);
/// The same, but waits a while for a process that has the key from another file, such as an older
/// installation that the new one replaces. Blocks.
platform::IdentityLock await_lock(const platform::Identity& identity, const std::string& path,
                                  const Log& log);

/// What is wrong with a bootstrap node that cannot be parsed, one clause for people.
std::string bootstrap_problem(const std::string& text);
BootstrapNode parse_bootstrap(const std::string& text);
/// Where none is named: those of HSFWD_BOOTSTRAP, or of the public network. Throws UserError.
std::vector<BootstrapNode> default_bootstrap();

}  // namespace hsfwd::cli
