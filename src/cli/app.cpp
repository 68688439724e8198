// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "cli/key_listener.hpp"
#include "cli/kill_switch_hint.hpp"
#include "cli/named_lines.hpp"
#include "cli/warning_events.hpp"
#include "platform/file_limit.hpp"
#include "platform/host_routes.hpp"
#include "platform/node_file.hpp"
#include "platform/split_dns.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
constexpr std::size_t kMaxPeerText = 80;  // fits a key in any form
constexpr Duration kGoodbyeTime = 3_s;
// At most, so that a peer whose last acknowledgement got lost can ask again.
constexpr Duration kLastWordTime = 300_ms;
// Where nobody has ever answered, nobody hears a goodbye either.
constexpr Duration kLonelyGoodbyeTime = 300_ms;
constexpr Duration kReaderPatience = 1_s;  // for some of what is left
constexpr Duration kFirstRemember = 1_min;
constexpr Duration kRememberInterval = 10_min;

std::unique_ptr<platform::BackgroundWriter> open_writer(int fd, bool lasting, bool json) {
  if (!lasting) return nullptr;
  return platform::BackgroundWriter::open(
      fd, [json](std::uint64_t lines) { return dropped_line(json, lines); });
}

std::unique_ptr<LogSink> make_sink(const OutputOptions& options, platform::BackgroundWriter* writer,
                                   const platform::Journal* journal, const Output& output,
                                   const PeerNames& names) {
  auto lines = platform::make_log_sink(options.format, writer, journal);
  if (options.json && !options.one_object) {
    lines = std::make_unique<WarningEvents>(std::move(lines), output);
  }
  return std::make_unique<NamedLines>(std::move(lines), names);
}

/// The file for the nodes of a network; none for a network without bootstrap nodes.
std::string node_file_of(const std::vector<BootstrapNode>& bootstrap) {
  if (bootstrap.empty()) return "";
  std::vector<std::string> names;
  for (const BootstrapNode& node : bootstrap) names.push_back(node.to_string());
  return platform::node_file_path(platform::default_cache_directory(), std::move(names));
}

}  // namespace

App::App(const OutputOptions& options)
    : out_writer_(open_writer(platform::BackgroundWriter::kOutput, options.lasting, options.json)),
      err_writer_(open_writer(platform::BackgroundWriter::kError, options.lasting, false)),
      out_journal_(options.lasting ? platform::Journal::behind(platform::BackgroundWriter::kOutput)
                                   : nullptr),
      err_journal_(platform::Journal::behind(platform::BackgroundWriter::kError)),
      output_(options.json,
              {out_writer_.get(), err_writer_.get(), out_journal_.get(), err_journal_.get()}),
      sink_(make_sink(options, err_writer_.get(), err_journal_.get(), output_, names_)),
      log_(*sink_, options.level),
      memory_reserve_([this] { on_memory_out(); }),
      streams_(platform::make_stream_factory(loop_, log_)),
      vicinity_([this] { return look_around(); }),
      key_listeners_(std::make_unique<KeyListeners>()),
      waiting_(loop_.scheduler(), output_, options.json && !options.one_object, quiet()),
      attempts_(loop_.scheduler()),
      remember_timer_(loop_.scheduler(),
                      [this] {
                        remember_nodes();
                        remember_timer_.start(kRememberInterval);
                      }),
      give_up_timer_(loop_.scheduler(), [this] { loop_.stop(); }) {
  loop_.set_memory_reserve(memory_reserve_);
  if (options.lasting) loop_.start_threads();
  platform::ignore_broken_pipes();
  platform::raise_file_limit();
  if (options.secret_shown) {
    log_.warning("peer",
                 "the hs:// string on the command line is a secret, and other users of this "
                 "machine could see it there; put it in a file and pass @FILE");
  }
  signals_ = std::make_unique<platform::Signals>(loop_, std::vector<int>{SIGINT, SIGTERM, SIGHUP},
                                                 [this](int number) { on_signal(number); });
}

App::~App() {
  goodbyes_.clear();
  stop_node();
  write_the_rest();
}

/// A slow reader gets all of it; one that does not read is not waited for.
void App::write_the_rest() {
  if (err_writer_) err_writer_->flush(kReaderPatience);
  if (!out_writer_) return;
  out_writer_->flush(kReaderPatience);
  if (out_writer_->failed()) note_output_lost();
}

net::SplitDnsFactory& App::split_dns() {
  if (!split_dns_) split_dns_ = platform::make_split_dns_factory(loop_);
  return *split_dns_;
}

void App::on_memory_out() {
  const Instant now = loop_.scheduler().now();
  if (memory_out_told_ && now < *memory_out_told_ + 1_min) return;
  memory_out_told_ = now;
  log_.error("memory", "out of memory: a connection or a request was given up");
}

void App::stop_node() {
  first_contact_.reset();
  loop_.scheduler().collect();
  node_.reset();
}

Node& App::start_node(Options options) {
  const net::Ipv4 host = options.host;
  const std::uint16_t port = options.port;
  const bool any_port = options.any_port;
  bootstrap_ = options.bootstrap;
  await_network(options);
  node_file_ = node_file_of(options.bootstrap);
  if (!node_file_.empty()) options.known_nodes = platform::load_nodes(node_file_, log_);
  node_ = std::make_unique<Node>(env(), std::move(options));
  if (!node_->start()) {
    node_.reset();
    throw UserError{kFailed, "UDP_BIND_FAILED",
                    any_port ? fmt::format("cannot bind UDP sockets on {}", host.to_string())
                             : fmt::format("UDP port {} on {} is in use or not allowed", port,
                                           host.to_string())};
  }
  node_->when_ready([this] { waiting_.end(); });
  if (!bootstrap_names_.empty()) {
    first_contact_.emplace(loop_.scheduler(), *node_, [this] { on_silence(); });
  }
  remember_timer_.start(kFirstRemember);
  interface_watch_ = platform::watch_interfaces(loop_, [this] {
    log_.info("network", "the network of this machine has changed");
    node_->on_network_change();
    vicinity_.forget();
    if (network_changed_) network_changed_();
  });
  return *node_;
}

/// What has the address that others see is this machine to them, be it a router in front of it.
net::HostNetworks App::look_around() const {
  net::HostNetworks out = platform::host_networks({});
  const auto seen_as = node_ ? node_->status().seen_as : std::nullopt;
  if (seen_as) out.own.push_back(ip::Prefix::around_ipv4(seen_as->host.value, 32));
  return out;
}

/// The first of a network has nobody to wait for.
void App::await_network(const Options& options) {
  std::vector<std::string> names;
  for (const BootstrapNode& node : options.bootstrap) names.push_back(node.to_string());
  if (names.empty()) return;
  bootstrap_names_ = fmt::format("{}", fmt::join(names, ", "));
  waiting_.begin(fmt::format("waiting for a bootstrap node to answer: {}", bootstrap_names_),
                 {.what = "network", .bootstrap = names});
}

void App::on_silence() {
  if (exit_code_) return;
  if (no_answer_) {
    no_answer_();
  } else {
    fail(no_network());
  }
}

UserError App::no_network() const {
  return {kTryLater, "NO_NETWORK",
          fmt::format("no DHT node answers: nothing received from any bootstrap node within {} s "
                      "of the start ({}); does this network let UDP out?",
                      FirstContact::kPatience.to_millis() / 1000, bootstrap_names_)};
}

Node& App::start_node_as(const std::string& identity_path, Options options) {
  options.key_pair = require_identity(identity_path, loop_.random()).keys;
  return start_node(std::move(options));
}

void App::remember_nodes() {
  if (node_file_.empty() || !node_ || !node_->online()) return;
  const auto nodes = node_->known_nodes(platform::kMaxRememberedNodes);
  if (!nodes.empty()) platform::save_nodes(node_file_, nodes, log_);
}

void App::collect(MetricSink& sink) const {
  node_->collect(sink);
  admission_.collect(sink);
}

int App::run() {
  loop_.run();
  remember_nodes();
  return exit_code_.value_or(kFailed);
}

void App::on_signal(int number) {
  if (number == SIGHUP && hangup_) {
    if (!exit_code_) hangup_();
  } else if (exit_code_) {
    loop_.stop();  // asked twice
  } else {
    quit(kSignalBase + number);
  }
}

bool App::hung_up() const {
  return exit_code_ == kSignalBase + SIGHUP;
}

void App::on_goodbye(std::function<void(std::function<void()>)> goodbye) {
  goodbyes_.push_back(std::move(goodbye));
}

void App::quit(int exit_code) {
  if (exit_code_) return;
  exit_code_ = exit_code;
  if (exit_code == kTryLater) {
    if (const std::string cut_off = kill_switch_hint(); !cut_off.empty()) output_.note(cut_off);
  }
  waiting_.close();
  const bool lonely = first_contact_ && !node_->answered();
  give_up_timer_.start(lonely ? kLonelyGoodbyeTime : kGoodbyeTime);
  goodbyes_left_ = goodbyes_.size();
  if (goodbyes_.empty()) linger();
  for (const auto& goodbye : goodbyes_) {
    goodbye([this] {
      if (--goodbyes_left_ == 0) linger();
    });
  }
}

/// The last packets may have been lost: a peer that asks again finds somebody.
void App::linger() {
  const Duration owed = node_ ? node_->owed_for() : Duration();
  give_up_timer_.start(std::min(owed, kLastWordTime));
}

void App::fail(const UserError& error) {
  if (exit_code_) return;
  output_.error(error.code, error.message);
  quit(error.exit_code);
}

void await_peer(App& app, const PeerReference& peer, const std::string& doing) {
  app.waiting().begin(fmt::format("{} {}", doing, shortened(peer.name, kMaxPeerText)),
                      {.what = "peer", .peer = to_hex(peer.key.view())});
}

UserError connect_error(ConnectError error, const std::string& peer) {
  const int exit_code = error == ConnectError::kNoNetwork ? kTryLater : kPeerUnreachable;
  return {exit_code, to_string(error),
          fmt::format("{}: {}", shortened(peer, kMaxPeerText), describe(error))};
}

}  // namespace hsfwd::cli
