// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/awaited_peer.hpp"
#include "cli/commands.hpp"
#include "cli/pipe_progress.hpp"
#include "cli/service_question.hpp"
#include "cli/timeline.hpp"
#include "forward/pipe.hpp"
#include "forward/service.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

// For input that stays silent once nobody reads what the service says: whoever holds standard
// input open may never end it.
constexpr Duration kInputPatience = 5_s;
constexpr Duration kCheckInterval = 250_ms;
// ssh ends its side of standard input at the time of the signal, or a little after it.
constexpr Duration kHangupPatience = 100_ms;

/// One connection to a service, on standard input and output. Neither is touched before it stands.
class PipeRun {
 public:
  PipeRun(App& app, const PeerReference& peer, std::string service, bool wait, bool progress)
      : app_(app),
        peer_(peer),
        service_(std::move(service)),
        id_(app.connection_ids().take()),
        input_is_terminal_(platform::input_is_terminal()),
        shows_progress_(progress),
        opening_(*this),
        awaited_(app, peer, wait,
                 [this](ConnectError error) {
                   if (error == ConnectError::kNone) {
                     connect();
                   } else {
                     app_.fail(connect_error(error, peer_.name));
                   }
                 }),
        input_timer_(app.scheduler(), [this] { check_input(); }),
        goodbye_timer_(app.scheduler(), [this] { leave(); }),
        progress_(app.scheduler(), app.output(), platform::error_is_terminal(), [this] {
          return PipeProgress::State{pipe_->stats(), to_string(pipe_->peer().info().path)};
        }) {
    if (wait) {
      awaited_.start();
    } else {
      connect();
    }
  }
  ~PipeRun() {
    if (opening_socket_) opening_socket_->set_observer(nullptr);
  }

  /// Whatever came in before is delivered. The connection ends in order if the input has ended by
  /// then, and for a reason otherwise: it may not look as if that had been all.
  void say_goodbye(std::function<void()> done) {
    goodbye_ = std::move(done);
    if (over_ || !pipe_) {
      goodbye_();
    } else {
      const bool may_end = app_.hung_up() && !pipe_->local_ended();
      goodbye_timer_.start(may_end ? kHangupPatience : Duration());
    }
  }

 private:
  /// Until it is open.
  struct Opening final : net::ByteStreamObserver {
    explicit Opening(PipeRun& r) : run(r) {}
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { run.on_not_opened(); }
    PipeRun& run;
  };

  void connect() {
    await_peer(app_, peer_, kConnectingTo);
    ConnectOptions options;
    options.key_pair = peer_.identity;
    options.extension = Extension{.features = 0, .service = service_};
    options.session = true;
    options.timeline = log_timeline(app_, id_, peer_.key, service_);
    opening_socket_ = app_.node().connect_stream(peer_.key, std::move(options));
    socket_ = opening_socket_.get();
    socket_->set_observer(&opening_);
    socket_->set_on_open([this] { on_open(); });
    socket_->set_on_path_changed(
        [this] { app_.log().debug("pipe", "moved, {}", to_string(socket_->info().path)); });
  }

  void on_not_opened() {
    app_.waiting().end();
    const ConnectError error = socket_->info().error;
    app_.scheduler().delete_later(std::move(opening_socket_));
    if (awaited_.wait_after(error)) return;
    over_ = true;
    app_.fail(connect_error(error, peer_.name));
  }

  void on_open() {
    app_.waiting().end();
    const std::string problem = service_problem(socket_->info(), service_);
    if (!problem.empty()) {
      over_ = true;
      app_.fail({kPeerUnreachable, "NO_SUCH_SERVICE", problem});
      return;
    }
    app_.log().debug("pipe", "connected, {}", to_string(socket_->info().path));
    opening_socket_->set_observer(nullptr);
    pipe_ = std::make_unique<forward::Pipe>(
        app_.scheduler(), platform::make_stdio_stream(app_.loop()), std::move(opening_socket_),
        [this](const forward::Ending& ending) { on_done(ending); });
    if (shows_progress_) progress_.begin();
    pipe_->start();
    input_timer_.start(kCheckInterval);
  }

  /// A terminal has no end worth waiting for: the user sees what has happened.
  void check_input() {
    const Instant now = app_.scheduler().now();
    const std::uint64_t sent = pipe_->stats().to_peer;
    if (std::exchange(sent_before_, sent) != sent || !pipe_->local_refuses()) silent_since_ = now;
    if (input_is_terminal_ && pipe_->peer_ended()) pipe_->end_local_input();
    const Duration patience = input_is_terminal_ ? Duration() : kInputPatience;
    if (pipe_->local_refuses() && now - silent_since_ >= patience) {
      pipe_->leave({forward::Cause::kLocal, "standard output accepts no more"}, kEndingTime);
    }
    if (!over_) input_timer_.start(kCheckInterval);
  }

  /// A peer that has heard the end of the input has a moment to end its own side.
  void leave() {
    if (pipe_->local_ended() && !std::exchange(waits_for_end_, true)) {
      goodbye_timer_.start(kEndingTime);
    } else {
      pipe_->leave({forward::Cause::kHsfwd, kEnding}, kEndingTime);
    }
  }

  void on_done(const forward::Ending& ending) {
    over_ = true;
    progress_.end();
    input_timer_.stop();
    goodbye_timer_.stop();
    if (goodbye_) {
      goodbye_();
    } else if (ending.cause == forward::Cause::kNormal) {
      app_.quit(kDone);
    } else {
      app_.fail({kFailed, "CONNECTION_LOST", ending.reason});
    }
  }

  App& app_;
  const PeerReference& peer_;
  const std::string service_;
  const std::uint64_t id_;  // of the one connection
  PeerStream* socket_ = nullptr;
  bool over_ = false;
  const bool input_is_terminal_;
  const bool shows_progress_;
  Opening opening_;
  std::unique_ptr<PeerStream> opening_socket_;  // becomes the pipe's
  AwaitedPeer awaited_;
  std::uint64_t sent_before_ = 0;
  Instant silent_since_;
  bool waits_for_end_ = false;
  std::function<void()> goodbye_;
  Timer input_timer_;
  Timer goodbye_timer_;
  std::unique_ptr<forward::Pipe> pipe_;
  PipeProgress progress_;
};

}  // namespace

int run_pipe(const Arguments& arguments) {
  CommandLine line("hsfwd pipe PEER [SERVICE] [OPTION...]",
                   "Connects standard input and output to a service, as ssh's ProxyCommand "
                   "expects. Messages go to\nstandard error only. --identity - is not available, "
                   "because standard input belongs to the service.");
  line.options().add_options()("progress", po::bool_switch(),
                               "show bytes, rates and the path on standard error; not with -q");
  add_wait_option(line);
  line.add_patience_options();
  line.add_connection_options();
  line.positional("peer", 2, {WordKind::kPeer, WordKind::kService, WordKind::kOther});
  if (!line.parse(arguments)) return kDone;
  const auto words = line.texts("peer");
  const std::string service = words.size() > 1 ? words[1] : "";
  if (!service.empty() && !forward::is_service_name(service)) {
    throw UserError{kUsage, "BAD_SERVICE", forward::no_service_name(service)};
  }
  const PeerReference peer = peer_argument(line.peer());
  const std::string identity = identity_path(line);
  if (identity == "-") {
    throw UserError{kUsage, "USAGE", "--identity -: standard input belongs to the service"};
  }
  OutputOptions output = lasting_output_options(line);
  output.json = false;  // standard output belongs to the service

  App app(output);
  Node& node = app.start_node_as(identity, node_options(line));
  std::optional<PipeRun> run;
  node.when_ready([&] {
    if (!app.quitting())
      run.emplace(app, peer, service, line.flag("wait"), line.flag("progress") && !app.quiet());
  });
  app.on_goodbye([&](std::function<void()> done) {
    if (run) {
      run->say_goodbye(std::move(done));
    } else {
      done();
    }
  });
  return app.run();
}

}  // namespace hsfwd::cli
