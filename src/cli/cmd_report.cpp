// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/address_book.hpp"
#include "cli/commands.hpp"
#include "cli/events/diagnosis.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"
#include "cli/quick_status.hpp"
#include "cli/redaction.hpp"
#include "platform/captured.hpp"
#include "platform/clock.hpp"
#include "platform/directories.hpp"
#include "platform/host_name.hpp"
#include "platform/system_facts.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

namespace fs = std::filesystem;

// netcheck takes 13 seconds to find out that there is no network, and a busy machine some more.
constexpr Duration kReportTime = 25_s;
constexpr std::size_t kMostOfPart = 256 * 1024;  // bytes
constexpr const char* kMostLines = "200";        // of the journal

/// Keys of a configuration outside of the sections of tunnels, and those of [peer.NAME].
constexpr std::string_view kHeadKeys[] = {"identity", "bootstrap",       "host",
                                          "port",     "relay_through",   "max_buffered",
                                          "patience", "max_connections", "max_connections_per_key",
                                          "key",      "key_file",        "address",
                                          "networks", "allow",           "nospoon"};

std::vector<std::string_view> known_keys() {
  std::vector<std::string_view> out(std::begin(kHeadKeys), std::end(kHeadKeys));
  for (const TunnelKind* kind : tunnel_kinds()) {
    for (const config::Key& key : kind->section.keys) out.push_back(key.name);
  }
  return out;
}

std::string build_text() {
#if defined(__clang__)
  constexpr const char* kCompiler = "clang " __VERSION__;
#else
  constexpr const char* kCompiler = "g++ " __VERSION__;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr const char* kSanitized = ", with sanitizers";
#else
  constexpr const char* kSanitized = "";
#endif
  return fmt::format("built by {}{}, fmt {}\n", kCompiler, kSanitized, FMT_VERSION);
}

std::string now_text() {
  const auto now = static_cast<std::time_t>(platform::SystemWallClock().unix_millis() / 1000);
  return fmt::format("{:%FT%TZ}", fmt::gmtime(now));
}

/// What programs said, and why that is not all.
std::string said(const platform::Captured& captured) {
  std::string out = captured.text;
  if (!out.empty() && out.back() != '\n') out += '\n';
  if (!captured.problem.empty()) out += fmt::format("({})\n", captured.problem);
  if (captured.exit_code != 0) out += fmt::format("(exit code {})\n", captured.exit_code);
  return out;
}

class Report {
 public:
  Report(const CommandLine& line, bool hide_peers) : redaction_(hide_peers) {
    try {
      file_ = choose_plan_file(line);
    } catch (const UserError& error) {
      if (line.has("config")) throw;
      no_file_ = error.message;
    }
    if (file_ == kStandardInput) throw UserError{kUsage, "USAGE", "-c -: a report needs a file"};
    if (const char* const secret = std::getenv("HSFWD_IDENTITY")) redaction_.add_secret(secret);
    if (const char* const home = std::getenv("HOME")) redaction_.add_home(home);
    add_users();
    redaction_.add_host(platform::host_name());
    redaction_.add_file(file_);
    const AddressBook book = line.has("config") ? AddressBook::of_file(file_) : AddressBook::load();
    for (const auto& [name, peer] : book.peers()) redaction_.add_peer(name, peer.key);
  }

  std::string make() {
    add("what this is", fmt::format("a report of hsfwd, made {}. It has no secrets, as far as it "
                                    "could know them; read it before you send it.\n",
                                    now_text()));
    add_machine();
    add_configuration();
    add_answers();
    return std::move(out_);
  }

 private:
  /// Whoever has made it, and who has become another user for that.
  void add_users() {
    const platform::User self = platform::own_user();
    redaction_.add_home(self.home);
    redaction_.add_user(self.name);
    for (const char* variable : {"USER", "LOGNAME", "SUDO_USER"}) {
      if (const char* const name = std::getenv(variable)) redaction_.add_user(name);
    }
  }

  void add(const std::string& title, const std::string& text) {
    add_redacted(title, redaction_.text(text));
  }
  void add_redacted(const std::string& title, const std::string& text) {
    out_ += fmt::format("{}== {}\n\n{}", out_.empty() ? "" : "\n", title,
                        text.empty() ? "nothing\n" : printable_lines(text));
  }

  void add_machine() {
    std::string system;
    for (const auto& [name, value] : platform::system_facts()) {
      system += fmt::format("{}: {}\n", name, value);
    }
    std::string environment;
    for (const char* name : {"HSFWD_CONFIG", "HSFWD_BOOTSTRAP", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
                             "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "LANG"}) {
      if (const char* const value = std::getenv(name)) {
        environment += fmt::format("{}={}\n", name, value);
      }
    }
    if (std::getenv("HSFWD_IDENTITY") != nullptr) environment += "HSFWD_IDENTITY is set\n";
    std::string programs;
    for (const auto& program : platform::running_programs()) {
      // What hsfwd run starts is not its own, and may have been given a password.
      const std::size_t foreign = program.command.find(" -- ");
      programs += fmt::format("{}: {}{}\n", program.pid, program.command.substr(0, foreign),
                              foreign == std::string::npos ? "" : " -- (left out)");
    }
    add("system", system);
    add("environment", environment);
    add("running programs of this user", programs);
  }

  void add_configuration() {
    if (file_.empty()) return add("configuration", no_file_ + "\n");
    const auto text = platform::read_text_file(file_);
    if (!text) return add("configuration " + file_, text.error() + "\n");
    std::string shown =
        redaction_.toml(std::string_view(*text).substr(0, kMostOfPart), known_keys());
    if (!shown.empty() && shown.back() != '\n') shown += '\n';
    add_redacted("configuration " + redaction_.text(file_) + ", without comments", shown);
    const auto config = parse_config(*text, file_);
    if (!config) return;
    for (const auto& node : config->bootstrap) bootstrap_.push_back(node.value);
  }

  /// Of other commands, each in a process of its own: none of them holds up or ends the report.
  void add_answers() {
    // Tables are not cut.
    setenv("COLUMNS", "1000", 1);
    const std::string self = platform::own_program();
    std::vector<std::string> titles = {"version", "netcheck"};
    std::vector<std::vector<std::string>> commands = {{self, "--version"}, {self, "netcheck"}};
    for (const std::string& node : bootstrap_) {
      commands.back().insert(commands.back().end(), {"--bootstrap", node});
    }
    const auto ask = [&](const char* command) {
      titles.emplace_back(command);
      commands.push_back({self, command});
      if (!file_.empty()) commands.back().insert(commands.back().end(), {"-c", file_});
    };
    if (!file_.empty()) {
      for (const char* command : {"check", "status", "peers", "why"}) ask(command);
    }
    titles.emplace_back("recent events, of the journal");
    commands.push_back({"journalctl", "--no-pager", "--quiet", "--utc", "--output=short-iso",
                        "--lines", kMostLines, which_events()});
    const auto answers = platform::run_captured(commands, kReportTime, kMostOfPart);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      add(titles[i], (i == 0 ? build_text() : "") + said(answers[i]));
    }
  }

  /// Of the running `up`, or of whatever ran here.
  std::string which_events() const {
    const Json status = file_.empty() ? Json() : quick_status(file_);
    if (status.is_object() && status.contains("pid") && status["pid"].is_number_unsigned()) {
      return fmt::format("_PID={}", status["pid"].get<std::uint64_t>());
    }
    return "--identifier=hsfwd";
  }

  Redaction redaction_;
  std::string file_;  // empty: there is none
  std::string no_file_;
  std::vector<std::string> bootstrap_;
  std::string out_;
};

void refuse_existing(const std::string& file) {
  std::error_code error;
  if (fs::symlink_status(file, error).type() == fs::file_type::not_found) return;
  throw UserError{kFailed, "FILE_EXISTS",
                  fmt::format("{} is there already; choose another name", file)};
}

void write_report(const std::string& file, const std::string& text) {
  refuse_existing(file);
  const fs::path folder = fs::absolute(file).parent_path();
  std::error_code missing;
  if (!fs::is_directory(folder, missing)) {
    throw UserError{kFailed, "NOT_WRITABLE",
                    fmt::format("{}: there is no folder {}", file, folder.string())};
  }
  const std::error_code error = platform::replace_text_file(file, text, platform::Readers::kOwner);
  if (error) throw UserError{kFailed, "NOT_WRITABLE", fmt::format("{}: {}", file, error.message())};
}

}  // namespace

int run_report(const Arguments& arguments) {
  CommandLine line(
      "hsfwd report [-o FILE] [--hide-peers] [-c FILE] [OPTION...]",
      "Collects the information needed to investigate a problem, without secrets: version, system, "
      "network,\nconfiguration, and the state of the running hsfwd up. Takes up to 25 seconds.");
  line.options().add_options()(
      "output,o", po::value<std::string>(),
      "FILE to write to, readable only by this user (default: standard output)")(
      "hide-peers", po::bool_switch(),
      "replace keys, names and addresses with peer-1, host-1 and so on")(
      "config,c", po::value<std::string>(), "FILE, the configuration to report on");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const OutputOptions options = output_options(line);
  const std::string file = line.path("output");
  if (!file.empty()) refuse_existing(file);
  Report report(line, line.flag("hide-peers"));
  const Output output(options.json);
  if (!line.flag("quiet")) output.note("collecting, for up to 25 seconds");
  std::string text = report.make();
  if (file.empty()) {
    text.pop_back();  // the newline that follows
    output.event(events::Report{.text = text}, text);
  } else {
    write_report(file, text);
    output.event(events::Report{.file = file}, "written to " + file);
  }
  return kDone;
}

}  // namespace hsfwd::cli
