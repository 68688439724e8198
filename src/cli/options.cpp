// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "cli/identity_forms.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "platform/memory_reserve.hpp"
#include "platform/secret_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr unsigned kHelpWidth = 100;
constexpr const char* kTooMany = "word too many";  // not an option: nobody can type it
// Of boost's messages, which quote the word they are about.
constexpr std::size_t kMaxParserText = 120;

[[noreturn]] void usage_error(const std::string& message) {
  throw UserError{kUsage, "USAGE", message};
}

/// An option without its value takes the one behind it for that.
void refuse_swallowed(const po::option& option, const po::options_description& all) {
  if (option.string_key.empty() || option.position_key >= 0 || option.value.size() != 1) return;
  const std::string& value = option.value.front();
  if (!value.starts_with("--") || all.find_nothrow(value.substr(2), false) == nullptr) return;
  usage_error(fmt::format("{} needs a value, and {} is an option", option.original_tokens.front(),
                          in_quotes(value)));
}

}  // namespace

CommandLine::CommandLine(std::string usage, std::string about)
    : usage_(std::move(usage)), about_(std::move(about)), options_("options", kHelpWidth) {}

void CommandLine::positional(const char* name, int count, std::vector<WordKind> kinds) {
  hidden_.add_options()(name, po::value<std::vector<std::string>>());
  positional_.add(name, count);
  takes_all_words_ = count < 0;
  word_kinds_ = std::move(kinds);
}

void CommandLine::add_node_options() {
  options_.add_options()("bootstrap", po::value<std::vector<std::string>>()->composing(),
                         "HOST:PORT or IP@HOST:PORT of a bootstrap node; repeatable (default: "
                         "$HSFWD_BOOTSTRAP, or the public network)")(
      "host", po::value<std::string>(),
      "ADDR, the IPv4 address to bind the UDP sockets to (default: all)")(
      "port", po::value<std::string>(),
      "N, the UDP port (default: 49737, or a free one if that is taken)");
}

void CommandLine::add_identity_options() {
  options_.add_options()("identity", po::value<std::string>(),
                         "FILE with the secret key, created on first use; - reads standard input "
                         "(default: $HSFWD_IDENTITY, or ~/.local/state/hsfwd/identity)")(
      "name", po::value<std::string>(),
      "N, use the identity in the file identity.N next to the default one");
}

void CommandLine::add_relay_options() {
  options_.add_options()("relay-through", po::value<std::vector<std::string>>()->composing(),
                         "KEY of a relay to use when there is no direct path; repeatable");
}

void CommandLine::add_limit_options() {
  options_.add_options()(
      "max-connections", po::value<std::string>(),
      "N, the limit on simultaneous connections (default: 2048, less on small machines)")(
      "max-connections-per-key", po::value<std::string>(),
      "N, the same for connections from one key (default: three quarters of --max-connections)")(
      "max-buffered", po::value<std::string>(),
      "MIB, the limit on data buffered for all connections together (default: 256, less on small "
      "machines)");
}

void CommandLine::add_patience_options() {
  options_.add_options()(
      "patience", po::value<std::string>(),
      "SECONDS to keep connections open after a peer stops responding (default: 300)")(
      "no-wait", po::bool_switch(), "close connections as soon as their peer stops responding");
}

void CommandLine::add_connection_options() {
  add_node_options();
  add_identity_options();
  add_relay_options();
  add_output_options();
}

void CommandLine::add_output_options() {
  options_.add_options()("json", po::bool_switch(),
                         "print one JSON object per line on standard output")(
      "verbose,v", po::bool_switch(), "print more details on standard error")(
      "trace", po::bool_switch(), "print everything, including each DHT request")(
      "quiet,q", po::bool_switch(), "report only errors")(
      "log-format", po::value<std::string>(),
      "text or json, the format of messages on standard error")("help,h", po::bool_switch(),
                                                                "show this help");
}

void CommandLine::refuse_unknown(const po::unknown_option& error) const {
  const std::string option = error.get_option_name();
  std::vector<std::string_view> names;
  for (const auto& one : options_.options()) names.emplace_back(one->long_name());
  const bool is_long = option.starts_with("--");
  const std::string_view near = is_long ? nearest(std::string_view(option).substr(2), names) : "";
  usage_error(fmt::format("{}{}; usage: {}", shortened(error.what(), kMaxParserText),
                          near.empty() ? "" : fmt::format("; did you mean --{}?", near), usage_));
}

bool CommandLine::parse(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == kComplete) {
    const std::string lines =
        completions({options_, unlisted_, word_kinds_}, {arguments.begin() + 1, arguments.end()});
    std::fputs(lines.c_str(), stdout);
    return false;
  }
  shows_secret_ = std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
    return without_secrets(word) != word;
  });
  try {
    po::options_description all;
    all.add(options_).add(hidden_);
    po::positional_options_description words = positional_;
    if (!takes_all_words_) {
      all.add_options()(kTooMany, po::value<std::vector<std::string>>());
      words.add(kTooMany, -1);
    }
    namespace style = po::command_line_style;
    const po::parsed_options parsed = po::command_line_parser(arguments)
                                          .options(all)
                                          .positional(words)
                                          .style(style::default_style & ~style::allow_guessing)
                                          .run();
    for (const po::option& option : parsed.options) refuse_swallowed(option, all);
    po::store(parsed, values_);
    po::notify(values_);
  } catch (const po::unknown_option& error) {
    refuse_unknown(error);
  } catch (const po::error& error) {
    usage_error(fmt::format("{}; usage: {}", shortened(error.what(), kMaxParserText), usage_));
  }
  if (!flag("help")) {
    if (const auto more = texts(kTooMany); !more.empty()) {
      usage_error(fmt::format("unexpected argument {}; usage: {}", in_quotes(more[0]), usage_));
    }
    return true;
  }
  po::options_description listed("options", kHelpWidth);
  for (const auto& option : options_.options()) {
    if (!unlisted_.contains(option->long_name())) listed.add(option);
  }
  std::ostringstream text;
  text << "usage: " << usage_ << "\n\n" << about_ << "\n\n" << listed;
  std::fputs(text.str().c_str(), stdout);
  return false;
}

std::string CommandLine::text(const char* name) const {
  return has(name) ? values_[name].as<std::string>() : std::string();
}

std::vector<std::string> CommandLine::texts(const char* name) const {
  return has(name) ? values_[name].as<std::vector<std::string>>() : std::vector<std::string>();
}

std::string CommandLine::path(const char* name) const {
  if (!has(name)) return "";
  auto path = platform::resolve_path(text(name));
  if (!path) usage_error(fmt::format("--{}: {}", name, path.error()));
  return std::move(*path);
}

std::string CommandLine::peer() const {
  const auto words = texts("peer");
  if (words.empty()) usage_error(fmt::format("which peer? usage: {}", usage_));
  return words.front();
}

OutputOptions output_options(const CommandLine& line) {
  OutputOptions out;
  out.json = line.flag("json");
  out.secret_shown = line.shows_secret();
  for (const char* more : {"verbose", "trace"}) {
    if (line.flag("quiet") && line.flag(more)) {
      usage_error(fmt::format("--quiet and --{} cannot be combined", more));
    }
  }
  if (line.flag("quiet")) out.level = LogLevel::kError;
  if (line.flag("verbose")) out.level = LogLevel::kDebug;
  if (line.flag("trace")) out.level = LogLevel::kTrace;
  const std::string format = line.text("log-format");
  if (format == "json") {
    out.format = platform::LogFormat::kJson;
  } else if (!format.empty() && format != "text") {
    usage_error(fmt::format("--log-format {}: must be text or json", shortened(format)));
  }
  return out;
}

OutputOptions lasting_output_options(const CommandLine& line) {
  OutputOptions out = output_options(line);
  out.lasting = true;
  return out;
}

OutputOptions one_object(OutputOptions options) {
  options.one_object = true;
  return options;
}

std::string bootstrap_problem(const std::string& text) {
  const std::string port = text.substr(text.rfind(':') + 1);
  const bool number = port.find_first_not_of("0123456789") == std::string::npos;
  if (number && !port.empty() && port != text && parse_decimal(port, 65535).value_or(0) == 0) {
    return fmt::format("{} is not a valid port (1-65535)", in_quotes(port));
  }
  return "must be HOST:PORT or IP@HOST:PORT";
}

BootstrapNode parse_bootstrap(const std::string& text) {
  const auto node = BootstrapNode::parse(text);
  if (!node) usage_error(fmt::format("bootstrap {}: {}", in_quotes(text), bootstrap_problem(text)));
  return *node;
}

std::vector<BootstrapNode> default_bootstrap() {
  const char* const chosen = std::getenv("HSFWD_BOOTSTRAP");
  std::string words = chosen != nullptr ? chosen : "";
  std::replace(words.begin(), words.end(), ',', ' ');
  std::vector<BootstrapNode> out;
  std::istringstream each(words);
  for (std::string word; each >> word;) {
    const auto node = BootstrapNode::parse(word);
    if (!node) {
      usage_error(fmt::format("HSFWD_BOOTSTRAP: {}: {}", in_quotes(word), bootstrap_problem(word)));
    }
    out.push_back(*node);
  }
  return out.empty() ? public_bootstrap() : out;
}

ResourceLimits resource_limits(const CommandLine& line) {
  const auto number = [&line](const char* name, std::uint64_t least,
                              std::uint64_t most) -> std::optional<std::uint64_t> {
    if (!line.has(name)) return std::nullopt;
    const std::string text = line.text(name);
    const auto value = parse_decimal(text, most);
    if (value.value_or(0) >= least) return *value;
    usage_error(fmt::format("--{} {}: must be {} to {}", name, shortened(text), least, most));
  };
  const WantedLimits wanted = {.buffered = number("max-buffered", kLeastBuffered, kMostBuffered),
                               .connections = number("max-connections", 1, kMostConnections),
                               .per_key = number("max-connections-per-key", 1, kMostConnections)};
  if (const auto whole = exceeded_by_share(wanted)) {
    usage_error(fmt::format(
        "--max-connections-per-key {} is more than there may be in all: {}, see --max-connections",
        *wanted.per_key, *whole));
  }
  return resource_limits(wanted, platform::available_memory());
}

Duration patience(const CommandLine& line) {
  const bool none = line.has("no-wait") && line.flag("no-wait");
  if (!line.has("patience")) return none ? Duration() : Options().session_patience;
  if (none) usage_error("--patience and --no-wait cannot be combined");
  const std::string text = line.text("patience");
  const auto seconds = parse_decimal(text, kMostPatience);
  if (!seconds) {
    usage_error(
        fmt::format("--patience {}: must be 0 to {} seconds", shortened(text), kMostPatience));
  }
  return Duration::seconds(static_cast<std::int64_t>(*seconds));
}

Options node_options(const CommandLine& line) {
  Options out;
  out.max_buffered = resource_limits(line).max_buffered;
  out.session_patience = patience(line);
  for (const std::string& text : line.texts("bootstrap")) {
    out.bootstrap.push_back(parse_bootstrap(text));
  }
  if (out.bootstrap.empty()) out.bootstrap = default_bootstrap();
  if (line.has("host")) {
    const std::string text = line.text("host");
    const auto host = net::Ipv4::parse(text);
    if (!host) usage_error(fmt::format("--host {}: must be an IPv4 address", shortened(text)));
    out.host = *host;
  }
  if (line.has("port")) {
    const std::string text = line.text("port");
    const auto port = parse_decimal(text, 65535);
    if (!port) usage_error(fmt::format("--port {}: must be 0 to 65535", shortened(text)));
    out.port = static_cast<std::uint16_t>(*port);
    out.any_port = false;  // a port that is named is meant
  }
  for (const std::string& text : line.texts("relay-through")) {
    out.relay_through.push_back(peer_argument(text).key);
  }
  return out;
}

std::string identity_path(const CommandLine& line) {
  if (line.has("identity") && line.has("name")) {
    usage_error("--identity and --name cannot be combined");
  }
  for (const char* option : {"identity", "name"}) {
    if (line.has(option) && line.text(option).empty()) {
      usage_error(fmt::format("--{} is empty", option));
    }
  }
  if (line.has("identity")) return line.path("identity");
  const std::string name = line.text("name");
  if (name.find('/') != std::string::npos) usage_error("--name takes a name, not a path");
  return platform::default_identity_path(name);
}

platform::Identity require_identity(const std::string& path, Random& random) {
  auto identity = platform::load_identity(path, random, identity_of_other_form);
  if (!identity) throw UserError{kBadConfig, "BAD_IDENTITY", identity.error()};
  return std::move(*identity);
}

platform::IdentityLock require_lock(const platform::Identity& identity, const std::string& path,
                                    const Log& log) {
  auto lock = platform::IdentityLock::acquire(identity.keys.public_key, path, log);
  if (!lock) throw UserError{kFailed, "IDENTITY_IN_USE", lock.error().why};
  return std::move(*lock);
}

platform::IdentityLock await_lock(const platform::Identity& identity, const std::string& path,
                                  const Log& log) {
  constexpr Duration kHandOver = 15_s;
  auto lock = platform::IdentityLock::await(identity.keys.public_key, path, log, kHandOver);
  if (!lock) throw UserError{kFailed, "IDENTITY_IN_USE", lock.error().why};
  return std::move(*lock);
}

}  // namespace hsfwd::cli
