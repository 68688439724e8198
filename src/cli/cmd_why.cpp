// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/events/attempts.hpp"
#include "cli/timeline.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

void tell_failure(App& app, const AttemptFailure& failure, ConnectError error,
                  const std::string& reason) {
  if (app.quitting()) return;
  const std::string advice = hsfwd::advice(failure);
  app.output().event(
      events::Verdict{.reached = false,
                      .code = to_string(error),
                      .own_nat = to_string(failure.own_nat),
                      .peer_nat = to_string(failure.peer_nat),
                      .verdict = reason,
                      .advice = advice},
      fmt::format("verdict: not reached: {}\nadvice: {}", printable(reason), advice));
  app.quit(error == ConnectError::kNoNetwork ? kTryLater : kPeerUnreachable);
}

/// One attempt to connect, reported as it goes, with a verdict and advice at the end.
class WhyRun {
 public:
  WhyRun(App& app, const PeerReference& peer)
      : app_(app),
        peer_name_(peer.name),
        began_(app.scheduler().now()),
        conclude_task_(app.scheduler(), [this] { conclude(); }),
        observer_(*this) {
    ConnectOptions options;
    options.key_pair = peer.identity;
    options.extension = Extension{.features = Extension::kNoService};
    options.timeline = [this](const AttemptEvent& event) { tell(event); };
    socket_ = app_.node().connect_stream(peer.key, std::move(options));
    socket_->set_on_open([this] { on_open(); });
    socket_->set_on_path_changed([this] { conclude(); });
    socket_->set_observer(&observer_);
  }

 private:
  struct Observer final : net::ByteStreamObserver {
    explicit Observer(WhyRun& r) : run(r) {}
    /// A service that speaks first: nobody listens.
    void on_readable() override {
      for (ByteView bytes = run.socket_->peek(); !bytes.empty(); bytes = run.socket_->peek()) {
        run.socket_->consume(bytes.size());
      }
    }
    void on_writable() override {}
    void on_reset(const std::string& reason) override { run.on_failed(reason); }
    WhyRun& run;
  };

  void tell(const AttemptEvent& event) {
    if (event.failure) failure_ = event.failure;
    if (event.failure && event.step == AttemptStep::kPath) {
      stays_ = true;
      conclude_task_.post();
    }
    app_.output().event(attempt_event(began_, event), timeline_line(began_, event));
  }

  /// A relayed connection may be on its way to a direct path: that is waited for.
  void on_open() {
    opened_at_ = app_.scheduler().now();
    if (stays_ || socket_->info().path != PathKind::kRelayed) conclude();
  }

  void conclude() {
    if (!opened_at_) return;
    const PeerInfo info = socket_->info();
    const auto millis = (*opened_at_ - began_).to_millis();
    std::string verdict = fmt::format("reached in {} ms, ", millis);
    const auto moved = (app_.scheduler().now() - *opened_at_).to_millis();
    if (info.path != PathKind::kRelayed && moved > 0) {
      verdict += fmt::format("through a relay, and {} ms later ", moved);
    }
    std::string advice = "Nothing to do.";
    switch (info.path) {
      case PathKind::kDirect:
        verdict += "directly";
        break;
      case PathKind::kLan:
        verdict += "over the local network";
        break;
      case PathKind::kRelayed:
        verdict += "through a relay";
        advice = "It works; a UDP port forwarded to one of the two would make the path direct.";
        break;
    }
    app_.output().event(events::Verdict{.reached = true,
                                        .path = to_string(info.path),
                                        .remote = info.remote.to_string(),
                                        .millis = millis,
                                        .verdict = verdict,
                                        .advice = advice},
                        fmt::format("verdict: {} is {}\nadvice: {}", peer_name_, verdict, advice));
    socket_->reset();
    app_.quit(kDone);
  }

  void on_failed(const std::string& reason) {
    const ConnectError error = socket_->info().error;
    tell_failure(app_, failure_.value_or(AttemptFailure{error}), error, reason);
  }

  App& app_;
  const std::string peer_name_;
  const Instant began_;
  std::optional<AttemptFailure> failure_;
  std::optional<Instant> opened_at_;
  bool stays_ = false;  // on the relay
  Task conclude_task_;
  Observer observer_;
  std::unique_ptr<PeerStream> socket_;
};

}  // namespace

int run_why(const Arguments& arguments) {
  CommandLine line(
      "hsfwd why [PEER] [OPTION...]",
      "Tries once to reach a peer and shows each step, with a verdict and advice at the end. An "
      "hsfwd peer\ndoes not contact its services for this; a plain peer connects to its only "
      "service.\nWithout PEER, shows the last attempts of the running hsfwd up.");
  add_control_options(line, "FILE that the running hsfwd up uses; only without PEER");
  line.add_connection_options();
  line.positional("peer", 1, {WordKind::kPeer, WordKind::kOther});
  if (!line.parse(arguments)) return kDone;
  if (line.texts("peer").empty()) return ask_up(line, ControlCommand::kAttempts, {attempts_text});
  for (const char* option : {"config", "socket"}) {
    if (!line.has(option)) continue;
    throw UserError{
        kUsage, "USAGE",
        fmt::format("--{} applies only without PEER, when why asks the running up", option)};
  }
  const PeerReference peer = peer_argument(line.peer());

  App app(output_options(line));
  Node& node = app.start_node_as(identity_path(line), node_options(line));
  std::optional<WhyRun> run;
  node.when_ready([&] { run.emplace(app, peer); });
  app.on_no_answer([&] {
    const auto error = ConnectError::kNoNetwork;
    tell_failure(app, AttemptFailure{error}, error, app.no_network().message);
  });
  return app.run();
}

}  // namespace hsfwd::cli
