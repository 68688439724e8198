// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "crypto/crypto.hpp"
#include "node/keys.hpp"
#include "platform/core_dumps.hpp"
#include "platform/loop.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace {

using namespace hsfwd::cli;

struct Command {
  const char* name;
  const char* arguments;
  const char* about;
  int (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"expose", "TARGET...", "publish services under this machine's key", run_expose},
    {"connect", "PEER -L SPEC...", "open local ports that lead to PEER's services", run_connect},
    {"pipe", "PEER [SERVICE]", "connect standard input and output to a service", run_pipe},
    {"tun", "PEER...", "join a private network of peers through a network interface", run_tun},
    {"run", "-- COMMAND...", "run a program in a network that contains only the peers", run_run},
    {"up", "[-c FILE]", "run all tunnels in a TOML file", run_up},
    {"check", "[-c FILE]", "validate a TOML file", run_check},
    {"status", "[-c FILE]", "show the state of the running `up`, and what does not work",
     run_status},
    {"peers", "[-c FILE]", "show the connections of the running `up`, or manage names of peers",
     run_peers},
    {"page", "[-c FILE]", "show the state of the running `up` in a browser", run_page},
    {"reload", "[-c FILE]", "make the running `up` reread its file", run_reload},
    {"down", "[-c FILE]", "stop the running `up`", run_down},
    {"keygen", "", "create an identity and print its public key", run_keygen},
    {"lookup", "PEER", "look a peer up in the DHT", run_lookup},
    {"ping", "PEER", "show the path and round-trip time to a peer", run_ping},
    {"why", "PEER", "try to reach a peer and show each step", run_why},
    {"netcheck", "", "examine the network this machine is in", run_netcheck},
    {"report", "[-o FILE]", "collect the information for a bug report, without secrets",
     run_report},
    {"node", "", "run a plain DHT node", run_node},
    {"testnet", "", "run a private DHT in one process, for experiments and tests", run_testnet},
};

void print_usage(std::FILE* out) {
  std::fputs("usage: hsfwd COMMAND [OPTION...]\n\nReach any server by its public key.\n\n", out);
  for (const Command& command : kCommands) {
    const std::string words = std::string(command.name) + " " + command.arguments;
    std::fprintf(out, "  %-28s %s\n", words.c_str(), command.about);
  }
  std::fputs("\nhsfwd COMMAND --help lists its options; hsfwd --version prints the version.\n",
             out);
}

const Command* find_command(const std::string& name) {
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [&](const Command& command) { return name == command.name; });
  return found != std::end(kCommands) ? &*found : nullptr;
}

[[noreturn]] void no_such_command(const std::string& word) {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  const std::string_view near = hsfwd::nearest(word, names);
  throw UserError{
      kUsage, "USAGE",
      fmt::format("unknown command {};{} hsfwd --help lists them", hsfwd::in_quotes(word),
                  near.empty() ? "" : fmt::format(" did you mean '{}'?", near))};
}

void offer(const std::string& typed, std::string_view word, std::string_view about) {
  if (word.starts_with(typed)) std::fputs(completion_line(word, about).c_str(), stdout);
}

void complete_command(const std::string& typed) {
  for (const Command& command : kCommands) offer(typed, command.name, command.about);
}

/// `hsfwd complete -- WORDS...`, for the shells' completion: what the last of the words behind `hsfwd` may become
/// (cli/completion.hpp). Whoever is typing is not disturbed by what is wrong.
int complete(Arguments words) {
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  if (words.empty()) return kDone;
  const bool asks_for_help = words[0] == "--help" || words[0] == "-h" || words[0] == "help";
  if (words.size() == 1) {
    complete_command(words[0]);
    offer(words[0], "help", "show the options of a command");
    if (words[0].starts_with('-')) {
      offer(words[0], "--help", "list the commands");
      offer(words[0], "--version", "print the version");
    }
  } else if (asks_for_help && words.size() == 2) {
    complete_command(words[1]);
  } else if (const Command* const command = find_command(words[0])) {
    words[0] = kComplete;
    try {
      command->run(words);
    } catch (const UserError&) {
      return kDone;
    } catch (const std::exception&) {
      return kDone;
    }
  }
  return kDone;
}

int run(const Arguments& words) {
  if (words.empty()) {
    print_usage(stderr);
    return kUsage;
  }
  const bool asks_for_help = words[0] == "--help" || words[0] == "-h" || words[0] == "help";
  if (asks_for_help && words.size() > 1) {
    const Command* const command = find_command(words[1]);
    if (command == nullptr) no_such_command(words[1]);
    return command->run({"--help"});
  }
  if (asks_for_help) {
    print_usage(stdout);
    return kDone;
  }
  if (words[0] == "--version" || words[0] == "-V") {
    std::puts("hsfwd " HSFWD_VERSION);
    return kDone;
  }
  if (words[0] == "complete") return complete(Arguments(words.begin() + 1, words.end()));
  const Command* const command = find_command(words[0]);
  if (command == nullptr) no_such_command(words[0]);
  return command->run(Arguments(words.begin() + 1, words.end()));
}

int tell(const Arguments& words, const UserError& error) {
  // The flag may not have been parsed, but its author wants the error in that form. The
  // standard output of a pipe is the service's, even when there is none.
  const bool json =
      words[0] != "pipe" && std::find(words.begin(), words.end(), "--json") != words.end();
  const auto journal = hsfwd::platform::Journal::behind(hsfwd::platform::BackgroundWriter::kError);
  Output(json, {.err_journal = journal.get()}).error(error.code, error.message);
  return error.exit_code;
}

/// Runs the command, and reports errors.
int run_told(const Arguments& words) {
  try {
    return run(words);
  } catch (const std::system_error& error) {
    const char* const hint = error.code().value() == EMFILE ? "; raise ulimit -n" : "";
    return tell(words, {kFailed, "NO_RESOURCES",
                        fmt::format("cannot start: {}{}", error.code().message(), hint)});
  } catch (const std::bad_alloc&) {
    return tell(words, {kFailed, "NO_RESOURCES", "cannot start: not enough memory"});
  } catch (const UserError& error) {
    return tell(words, error);
  }
}

/// Whoever saves a command's output must learn that it was not saved.
int with_output_written(int exit_code) {
  if (!output_lost()) return exit_code;
  std::fputs("hsfwd: cannot write to standard output\n", stderr);
  return exit_code == kDone ? kFailed : exit_code;
}

/// From here on other users of the machine find no secret among the arguments.
void hide_secrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string shown = hsfwd::without_secrets(word);
    const auto [from, unused] = std::mismatch(word.begin(), word.end(), shown.begin(), shown.end());
    // Of another length a word would not be where the system looks for it.
    std::fill(argv[i] + (from - word.begin()), argv[i] + word.size(), '.');
  }
}

}  // namespace

int main(int argc, char** argv) {
  hsfwd::platform::fill_standard_streams();
  hsfwd::platform::forbid_core_dumps();
  hsfwd::crypto::initialize();
  const Arguments words(argv + 1, argv + argc);
  hide_secrets(argc, argv);
  const int exit_code = with_output_written(run_told(words));
  if (hsfwd::platform::left_behind()) {
    std::fflush(nullptr);
    std::_Exit(exit_code);
  }
  return exit_code;
}
