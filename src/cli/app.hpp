// SPDX-License-Identifier: Apache-2.0
// What running commands share: the loop, a node on it, how to end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/address_book.hpp"
#include "cli/attempts.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/waiting.hpp"
#include "forward/admission.hpp"
#include "forward/connection.hpp"
#include "net/split_dns.hpp"
#include "net/vicinity.hpp"
#include "node/first_contact.hpp"
#include "platform/interface_watch.hpp"
#include "platform/loop.hpp"
#include "platform/memory_reserve.hpp"
#include "platform/signals.hpp"
#include "platform/streams.hpp"

namespace hsfwd::cli {

/// The reason of connections that end with the program.
inline constexpr const char* kEnding = "hsfwd is shutting down";
/// How long peers then have to receive what was sent to them.
inline constexpr Duration kEndingTime = 1_s;

class KeyListeners;
class Overview;

class App {
 public:
  explicit App(const OutputOptions& options);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  platform::Loop& loop() { return loop_; }
  Scheduler& scheduler() { return loop_.scheduler(); }
  net::StreamFactory& streams() { return *streams_; }
  /// The resolver of this machine. Outlives all tunnels.
  net::SplitDnsFactory& split_dns();
  forward::ConnectionIds& connection_ids() { return connection_ids_; }
  KeyListeners& key_listeners() { return *key_listeners_; }
  /// What may come in, of all that is exposed.
  forward::Admission& admission() { return admission_; }
  /// Whom this machine is near to, our own networks included.
  net::Vicinity& vicinity() { return vicinity_; }
  const Output& output() const { return output_; }
  /// What peers are called, wherever they are shown.
  const PeerNames& names() const { return names_; }
  void set_names(PeerNames names) { names_ = std::move(names); }
  const Log& log() const { return log_; }
  /// Only errors, and what the command was asked for, are shown to people.
  bool quiet() const { return !log_.enabled(LogLevel::kWarning); }
  net::Env env() { return loop_.env(log_); }

  /// All that the node counts, and what comes in to all that is exposed.
  void collect(MetricSink& sink) const;

  /// What is reported when something takes long.
  Waiting& waiting() { return waiting_; }
  /// To reach peers, of all tunnels.
  Attempts& attempts() { return attempts_; }
  const Attempts& attempts() const { return attempts_; }
  /// What the command tells of itself; nullptr of one that tells nothing.
  const Overview* overview() const { return overview_; }
  void set_overview(const Overview* overview) { overview_ = overview; }

  /// Starts a node on the loop that is notified of network changes and remembers other nodes
  /// between runs. If nobody answers it, the program ends. Throws UserError.
  Node& start_node(Options options);
  /// With the key pair of that identity file.
  Node& start_node_as(const std::string& identity_path, Options options);
  Node& node() { return *node_; }
  const Node& node() const { return *node_; }
  /// Called instead of ending when nobody has answered the node.
  void on_no_answer(std::function<void()> no_answer) { no_answer_ = std::move(no_answer); }
  /// What the node was started with.
  const std::vector<BootstrapNode>& bootstrap() const { return bootstrap_; }
  /// The error of a node that nobody answers.
  UserError no_network() const;
  /// Frees its ports. What it made is gone by then, and the loop no longer runs.
  void stop_node();

  /// Runs until quit(); returns the exit code.
  int run();
  /// Ends the program once the goodbyes are done or a few seconds have passed.
  void quit(int exit_code);
  void fail(const UserError& error);
  /// Run once before the end; calls its argument when done.
  void on_goodbye(std::function<void(std::function<void()>)> goodbye);
  /// Called from now on when the network of this machine has changed, after the node has been told.
  void on_network_change(std::function<void()> changed) { network_changed_ = std::move(changed); }
  /// Called on SIGHUP from now on, instead of ending the program.
  void on_hangup(std::function<void()> hangup) { hangup_ = std::move(hangup); }
  /// Signals are somebody else's from now on.
  void leave_signals() { signals_.reset(); }
  bool quitting() const { return exit_code_.has_value(); }
  /// The terminal is gone, or whoever started this no longer needs it.
  bool hung_up() const;

 private:
  net::HostNetworks look_around() const;
  void on_signal(int number);
  void linger();
  void await_network(const Options& options);
  void on_silence();
  void remember_nodes();
  void on_memory_out();
  void write_the_rest();

  std::unique_ptr<platform::BackgroundWriter> out_writer_;  // of lasting commands
  std::unique_ptr<platform::BackgroundWriter> err_writer_;
  std::unique_ptr<platform::Journal> out_journal_;
  std::unique_ptr<platform::Journal> err_journal_;
  Output output_;
  PeerNames names_;
  std::unique_ptr<LogSink> sink_;
  Log log_;
  platform::MemoryReserve memory_reserve_;
  std::optional<Instant> memory_out_told_;
  platform::Loop loop_;
  std::unique_ptr<net::StreamFactory> streams_;
  std::unique_ptr<net::SplitDnsFactory> split_dns_;
  forward::ConnectionIds connection_ids_;
  forward::Admission admission_;
  net::Vicinity vicinity_;
  const std::unique_ptr<KeyListeners> key_listeners_;
  std::unique_ptr<Node> node_;
  std::string node_file_;  // empty: nothing is remembered
  std::vector<BootstrapNode> bootstrap_;
  std::string bootstrap_names_;
  Waiting waiting_;
  Attempts attempts_;
  const Overview* overview_ = nullptr;
  std::optional<FirstContact> first_contact_;
  std::function<void()> no_answer_;
  Timer remember_timer_;
  std::unique_ptr<platform::InterfaceWatch> interface_watch_;
  std::function<void()> network_changed_;
  std::vector<std::function<void(std::function<void()>)>> goodbyes_;
  std::function<void()> hangup_;
  std::size_t goodbyes_left_ = 0;
  std::optional<int> exit_code_;
  Timer give_up_timer_;
  std::unique_ptr<platform::Signals> signals_;
};

inline constexpr const char* kLookingFor = "looking in the DHT for";
inline constexpr const char* kConnectingTo = "connecting to";
/// Reports, once it takes a moment, what is being done (`doing`) to reach a peer.
void await_peer(App& app, const PeerReference& peer, const std::string& doing);
/// Exit code and code word of a failed connect.
UserError connect_error(ConnectError error, const std::string& peer);

}  // namespace hsfwd::cli
