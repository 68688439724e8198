// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/control_server.hpp"
#include "cli/events/answers.hpp"
#include "cli/health.hpp"
#include "cli/overview.hpp"
#include "cli/peer_questions.hpp"
#include "cli/plan_diff.hpp"
#include "cli/process_metrics.hpp"
#include "cli/service_report.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "cli/timeline.hpp"
#include "cli/tunnel_set.hpp"
#include "cli/up_report.hpp"
#include "cli/up_texts.hpp"
#include "platform/control_socket.hpp"
#include "platform/signals.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kUp = "up";
// While there is no network.
constexpr Duration kAskAgain = 5_s;

/// All tunnels of a file, and what can be asked of them. They last until the program is told to
/// end, whatever the network does.
class Up final : Overview {
 public:
  Up(App& app, ControlServer& control, std::string file, Plan plan)
      : app_(app),
        file_(std::move(file)),
        began_(app.scheduler().now()),
        began_at_(app.env().wall_clock.unix_millis()),
        tunnels_(app),
        questions_(app),
        ask_again_timer_(app.scheduler(), [this] { ask_again(); }),
        report_(app.scheduler(), [this] { return standing(); }) {
    app_.set_overview(this);
    tunnels_.change_to(std::move(plan), Unavailable::kTryAgain,
                       [this](const TunnelSet::Changes& changes) {
                         report_.ready();
                         ask_peers(changes.wishes);
                       });
    app_.on_no_answer(
        [this] { app_.log().warning("up", "still trying: {}", app_.no_network().message); });
    app_.node().when_ready([this] { report_.look(); });
    app_.on_goodbye([this](const std::function<void()>& done) {
      report_.stopping();
      done();
    });
    app_.on_hangup([this] { reload([](const Json&) {}); });
    control.set_handler([this](const ControlRequest& request, const ControlServer::Answer& answer) {
      on_request(request.command, answer);
    });
  }
  ~Up() override {
    app_.on_hangup(nullptr);
    app_.set_overview(nullptr);
  }
  Up(const Up&) = delete;
  Up& operator=(const Up&) = delete;

 private:
  using Told = std::function<void(const Json& answer)>;

  // Overview
  Json status() const override {
    return tagged(status_event(app_, views_of(tunnels_), kUp, plan_file_name(file_), began_));
  }
  Json peers() const override { return tagged(peers_event(app_, views_of(tunnels_), kUp)); }
  void collect(MetricSink& sink) const override {
    app_.collect(sink);
    collect_process(sink, began_at_);
    std::vector<const Tunnel*> all;
    for (const auto& tunnel : tunnels_.tunnels()) all.push_back(tunnel.get());
    collect_health(sink, health_of(app_, all, began_));
    std::map<PublicKey, std::string> peers;
    for (const auto& tunnel : tunnels_.tunnels()) {
      if (const auto wish = tunnel->wish()) peers.emplace(wish->peer.key, wish->peer.name);
    }
    session_tally_.collect(sink, app_.node().sessions(), peers);
    for (const auto& tunnel : tunnels_.tunnels()) tunnel->collect(sink);
  }

  /// For the service manager.
  ServiceReport::Standing standing() const {
    if (app_.quitting()) return {"shutting down"};
    const auto& tunnels = tunnels_.tunnels();
    const auto ready = static_cast<std::size_t>(std::count_if(
        tunnels.begin(), tunnels.end(), [](const auto& tunnel) { return !tunnel->problem(); }));
    const bool online = app_.node().online();
    const bool all = ready == tunnels.size();
    return {
        fmt::format("{}, {}{} ready", online ? "online" : "not online",
                    all ? "" : fmt::format("{} of ", ready), count_text(tunnels.size(), "tunnel")),
        online && all};
  }

  void on_request(ControlCommand command, const ControlServer::Answer& answer) {
    switch (command) {
      case ControlCommand::kStatus:
        answer(status(), ControlServer::Then::kHangUp);
        break;
      case ControlCommand::kPeers:
        answer(peers(), ControlServer::Then::kHangUp);
        break;
      case ControlCommand::kAttempts:
        answer(tagged(attempts_event(app_, kUp)), ControlServer::Then::kHangUp);
        break;
      case ControlCommand::kReload:
        reload([answer](const Json& result) { answer(result, ControlServer::Then::kHangUp); });
        break;
      case ControlCommand::kDown:
        answer(tagged(events::Down{own_pid()}), ControlServer::Then::kHold);
        app_.quit(kDone);
        break;
    }
  }

  /// `told` gets the result. One after the other: the file may have changed again meanwhile.
  void reload(Told told) {
    waiting_.push_back(std::move(told));
    if (!reloading_) reload_now();
  }

  void reload_now() {
    reloading_ = true;
    told_ = std::exchange(waiting_, {});
    try {
      // Somebody waits for the result, and has the old tunnels as long as the new ones cannot be
      // had.
      tunnels_.change_to(load_changed_plan(), Unavailable::kRefused,
                         [this](const TunnelSet::Changes& changes) { on_reloaded(changes); });
    } catch (const UserError& error) {
      app_.output().error(error.code, error.message);
      finish(error_answer(error));
    }
  }

  Plan load_changed_plan() const {
    if (app_.quitting()) throw UserError{kFailed, "ENDING", "hsfwd up is shutting down"};
    if (file_ == kStandardInput) {
      throw UserError{kFailed, "NOT_RELOADABLE",
                      "the configuration came from standard input and cannot be read again; "
                      "nothing was changed; restart hsfwd up"};
    }
    Plan plan = load_plan(file_);
    const auto changed = changed_node_settings(tunnels_.plan(), plan);
    if (!changed.empty()) {
      throw UserError{
          kFailed, "RESTART_NEEDED",
          fmt::format("{}: {} cannot change while hsfwd up runs; nothing was changed; restart it",
                      file_, fmt::join(changed, ", "))};
    }
    const auto sockets = changed_sockets(tunnels_.plan(), plan);
    if (!sockets.empty()) {
      throw UserError{kFailed, "RESTART_NEEDED",
                      fmt::format("{}: mode and group of {} cannot change while hsfwd up listens "
                                  "there; nothing was changed; restart it",
                                  file_, fmt::join(sockets, ", "))};
    }
    return plan;
  }

  /// Who starts it, or changes it, learns at once what would not work, and not by the first client.
  void ask_peers(const std::vector<PeerWish>& wishes) {
    if (wishes.empty()) return;
    app_.node().when_ready([this, wishes] {
      questions_.ask(
          wishes,
          [this](const PeerReference& peer, const PeerQuestions::Wanted& wanted,
                 const UserError& error) { on_peer_problem(peer, wanted, error); },
          [] {});
    });
  }

  void on_peer_problem(const PeerReference& peer, const PeerQuestions::Wanted& wanted,
                       const UserError& error) {
    if (app_.quitting()) return;
    // It is told for all of them that there is no network, and once there is one they can be asked.
    if (error.exit_code == kTryLater) {
      unanswered_.emplace_back(peer, wanted);
      return ask_again_timer_.start(kAskAgain);
    }
    const bool names_it = error.exit_code == kPeerUnreachable;
    bool is_wanted = false;  // still
    for (const auto& tunnel : tunnels_.tunnels()) {
      if (!is_wish_of(*tunnel, peer, wanted)) continue;
      tunnel->on_wish_refused(error.message, !names_it);
      is_wanted = true;
    }
    if (!is_wanted) return;
    app_.output().error(error.code,
                        fmt::format("{}{}; listening anyway",
                                    names_it ? "" : printable(peer.name) + ": ", error.message),
                        key_text(peer.key));
  }

  void ask_again() {
    if (app_.quitting()) return;
    if (!app_.node().online()) return ask_again_timer_.start(kAskAgain);
    std::vector<PeerWish> wishes;
    for (const auto& tunnel : tunnels_.tunnels()) {
      const bool asked = std::any_of(unanswered_.begin(), unanswered_.end(), [&](const auto& one) {
        return is_wish_of(*tunnel, one.first, one.second);
      });
      if (asked) wishes.push_back(*tunnel->wish());
    }
    unanswered_.clear();
    ask_peers(wishes);
  }

  void on_reloaded(const TunnelSet::Changes& changes) {
    ask_peers(changes.wishes);
    events::Reloaded reloaded{file_,           changes.kept,    changes.changed,
                              changes.started, changes.stopped, {}};
    const std::string text = reloaded_text(encode(reloaded));  // the log has the warnings already
    for (const std::string& warning : tunnels_.plan().warnings) {
      reloaded.warnings.push_back(told(warning));
    }
    app_.output().event(reloaded, text);
    if (changes.failed.empty()) return finish(tagged(reloaded));
    std::string problems;
    for (const Tunnel::Problem& problem : changes.failed) {
      problems += (problems.empty() ? "" : "; ") + problem.text;
    }
    const UserError error{
        kFailed, changes.failed.front().code,
        fmt::format("{}: {}; everything else in the file is applied", file_, problems)};
    app_.output().error(error.code, error.message);
    finish(error_answer(error));
  }

  void finish(const Json& answer) {
    reloading_ = false;
    report_.look();
    for (const Told& tell : std::exchange(told_, {})) tell(answer);
    if (!waiting_.empty()) reload_now();
  }

  App& app_;
  const std::string file_;
  const Instant began_;
  const std::uint64_t began_at_;        // milliseconds since 1970
  mutable SessionTally session_tally_;  // is brought up to date by each walk
  TunnelSet tunnels_;
  PeerQuestions questions_;
  std::vector<std::pair<PeerReference, PeerQuestions::Wanted>> unanswered_;  // there is no network
  Timer ask_again_timer_;
  ServiceReport report_;
  bool reloading_ = false;
  std::vector<Told> told_;     // the result of the reload under way
  std::vector<Told> waiting_;  // that of the next one
};

/// An `up` without a control socket still runs, unless it was told where to listen.
void open_control(App& app, ControlServer& control, const std::string& path, std::uint32_t mode,
                  const std::string& file) {
  const bool chosen = !path.empty();
  // Nobody could address this one: there may be several with standard input.
  if (file == kStandardInput && !chosen) return;
  const std::string problem = control.listen(
      chosen ? std::vector<std::string>{path} : platform::control_socket_paths(file), mode);
  if (problem.empty()) return;
  if (chosen) {
    throw UserError{kFailed, "CONTROL_FAILED", fmt::format("control socket {}", problem)};
  }
  app.log().warning("control", "status, peers, reload and down will not work: {}", problem);
}

/// Of the control socket: its user's alone, or the group's as well.
std::uint32_t control_mode(const CommandLine& line) {
  constexpr std::uint32_t kForGroup = 0660;
  if (!line.has("socket-mode")) return platform::ControlSocket::kForOwner;
  const auto mode = parse_socket_mode(line.text("socket-mode"));
  if (mode && (*mode == kForGroup || *mode == platform::ControlSocket::kForOwner)) return *mode;
  throw UserError{kUsage, "USAGE",
                  fmt::format("--socket-mode: {} is neither 0600, for this user alone, nor 0660, "
                              "for its group as well",
                              in_quotes(line.text("socket-mode")))};
}

}  // namespace

int run_up(const Arguments& arguments) {
  CommandLine line(
      "hsfwd up [-c FILE] [OPTION...]",
      "Runs all tunnels of a configuration file until stopped. SIGHUP makes it reread the file.");
  add_control_options(line, "FILE to run, or - for standard input");
  line.options().add_options()("socket-mode", po::value<std::string>(),
                               "MODE of the control socket: 0600, or 0660 to admit the group");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const std::uint32_t mode = control_mode(line);
  const std::string file = choose_plan_file(line);
  Plan plan = load_plan(file);
  App app(lasting_output_options(line));
  // First, so that of two with the same file one ends before it has done anything.
  ControlServer control(app);
  open_control(app, control, line.path("socket"), mode, file);
  const platform::Identity identity = require_identity(plan.identity, app.loop().random());
  Options options = plan.node;
  options.key_pair = identity.keys;
  app.start_node(std::move(options));
  int exit_code = kFailed;
  {
    const Up up(app, control,
                file == kStandardInput ? file : std::filesystem::absolute(file).string(),
                std::move(plan));
    exit_code = app.run();
  }
  // Who waits for the end at the control socket finds every port and lock free.
  app.stop_node();
  return exit_code;
}

}  // namespace hsfwd::cli
