// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/timeline.hpp"
#include "cli/tunnels.hpp"

namespace hsfwd::cli {

namespace {

// Once the peer has said all it wanted to, input that does not come is not waited for any longer:
// whoever holds standard input open may never end it.
constexpr Duration kInputPatience = 500_ms;

/// One connection to a service, on standard input and output.
class PipeRun {
 public:
  PipeRun(App& app, const PeerReference& peer, std::string service)
      : app_(app),
        peer_name_(peer.name),
        service_(std::move(service)),
        patience_timer_(app.scheduler(), [this] { check_input(); }) {
    hyperdht::ConnectOptions options;
    options.key_pair = peer.identity;
    options.extension = Extension{.features = 0, .service = service_};
    options.relay_through = app_.node().relay_through();
    options.timeline = log_timeline(app_, app_.scheduler(), app_.connection_ids().next);
    auto socket = app_.node().dht().connect(peer.key, std::move(options));
    socket_ = socket.get();
    socket_->set_on_open([this] { on_open(); });
    socket_->set_on_path_changed([this] {
      app_.log().debug("pipe", "moved, {}", to_string(socket_->path()));
    });
    pipe_ = std::make_unique<forward::Pipe>(
        app_.scheduler(), platform::make_stdio_stream(app_.loop()), std::move(socket),
        [this](const std::string& reason) { on_done(reason); });
    pipe_->start();
  }

 private:
  void on_open() {
    opened_ = true;
    const std::string problem = service_problem(*socket_, service_);
    if (!problem.empty()) {
      app_.fail({kPeerUnreachable, "NO_SUCH_SERVICE", problem});
      return;
    }
    app_.log().debug("pipe", "connected, {}", to_string(socket_->path()));
    patience_timer_.start(kInputPatience);
  }

  void check_input() {
    const std::uint64_t sent = pipe_->stats().to_peer;
    if (pipe_->peer_ended() && !pipe_->local_ended() && sent == sent_before_) {
      pipe_->end_local_input();
      return;
    }
    sent_before_ = sent;
    patience_timer_.start(kInputPatience);
  }

  void on_done(const std::string& reason) {
    patience_timer_.stop();
    if (reason.empty()) {
      app_.quit(kDone);
    } else if (opened_) {
      app_.fail({kFailed, "CONNECTION_LOST", reason});
    } else {
      app_.fail(connect_error(socket_->error(), peer_name_));
    }
  }

  App& app_;
  const std::string peer_name_;
  const std::string service_;
  hyperdht::PeerSocket* socket_ = nullptr;
  bool opened_ = false;
  std::uint64_t sent_before_ = 0;
  Timer patience_timer_;
  std::unique_ptr<forward::Pipe> pipe_;
};

}  // namespace

int run_pipe(const Arguments& arguments) {
  CommandLine line(
      "hsfwd pipe PEER [SERVICE] [OPTION...]",
      "Connects standard input and output to a service, as ssh's ProxyCommand wants "
      "it. Tells of\nitself on standard error only. --identity - is for other commands: "
      "standard input is the service's.");
  line.add_connection_options();
  line.positional("peer", 2);
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
  OutputOptions output = output_options(line);
  output.json = false;  // standard output belongs to the service

  App app(output);
  Node& node = app.start_node_as(identity, node_options(line));
  std::optional<PipeRun> run;
  node.when_ready([&] { run.emplace(app, peer, service); });
  return app.run();
}

}  // namespace hsfwd::cli
