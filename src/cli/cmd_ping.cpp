// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/events/probes.hpp"
#include "cli/table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr double kMinInterval = 0.01;  // seconds
constexpr double kMaxInterval = 3600;
constexpr double kMaxTimeout = 86400;

std::string seconds_text(Duration time) {
  return fmt::format("{} s", millis(time) / 1000);
}

UserError not_connected(const std::string& peer, Duration within) {
  return {kPeerUnreachable, "TIMEOUT",
          fmt::format("{}: not connected within {} (hsfwd why shows the steps)", peer,
                      seconds_text(within))};
}

/// One connection, with a small message again and again that the other side acknowledges. What an
/// hsfwd peer exposes is not touched; a plain peer connects to its service, as it always does.
class PingRun {
 public:
  struct Wanted {
    std::uint64_t count = 0;  // answers; 0: no limit
    Duration interval;
    bool until_direct = false;
    std::optional<Duration> timeout;  // from the start on
  };

  PingRun(App& app, const PeerReference& peer, const Wanted& wanted)
      : app_(app),
        peer_name_(peer.name),
        wanted_(wanted),
        began_(app.scheduler().now()),
        next_timer_(app.scheduler(), [this] { next(); }),
        observer_(*this) {
    await_peer(app_, peer, kConnectingTo);
    ConnectOptions options;
    options.key_pair = peer.identity;
    options.extension = Extension{.features = Extension::kNoService};
    socket_ = app_.node().connect_stream(peer.key, std::move(options));
    socket_->set_on_open([this] { on_open(); });
    socket_->set_observer(&observer_);
    socket_->set_on_path_changed([this] { look_at_path(); });
    app_.on_goodbye([this](const std::function<void()>& done) {
      report_statistics();
      socket_->reset();
      done();
    });
  }

  /// There is no more time.
  void on_timeout() {
    if (!opened_) {
      app_.fail(not_connected(peer_name_, *wanted_.timeout));
    } else if (wanted_.until_direct) {
      fail_not_direct(seconds_text(*wanted_.timeout));
    } else {
      app_.quit(times_.empty() ? kFailed : kDone);
    }
  }

 private:
  struct Observer final : net::ByteStreamObserver {
    explicit Observer(PingRun& r) : run(r) {}
    /// A service that speaks first: nobody listens.
    void on_readable() override {
      for (ByteView bytes = run.socket_->peek(); !bytes.empty(); bytes = run.socket_->peek()) {
        run.socket_->consume(bytes.size());
      }
    }
    void on_writable() override {}
    void on_reset(const std::string& reason) override { run.on_closed(reason); }
    PingRun& run;
  };

  void on_open() {
    const Duration took = app_.scheduler().now() - began_;
    const PeerInfo info = socket_->info();
    const auto& extension = info.extension;
    const std::string path = to_string(info.path);
    const std::string remote = info.remote.to_string();
    std::optional<std::vector<std::string>> services;
    if (extension) services = extension->service_names();
    opened_ = true;
    app_.waiting().end();
    app_.output().event(
        events::PingConnection{to_hex(info.key.view()), path, remote, millis(took), services},
        fmt::format("connected to {} in {:.0f} ms: {}, {}{}", app_.names().shown_with_key(info.key),
                    millis(took), path, remote,
                    extension ? fmt::format("\nservices: {}",
                                            printable(fmt::format(
                                                "{}", fmt::join(extension->service_names(), ", "))))
                              : ""));
    look_at_path();
    if (!app_.quitting()) next();
  }

  /// Whether it is no longer by way of a relay.
  void look_at_path() {
    if (!opened_ || !wanted_.until_direct || app_.quitting()) return;
    const PeerInfo info = socket_->info();
    if (info.path == PathKind::kRelayed) return;
    const double took = millis(app_.scheduler().now() - began_);
    const std::string path = to_string(info.path);
    app_.output().event(
        events::Direct{to_hex(info.key.view()), path, info.remote.to_string(), took},
        fmt::format("direct after {:.0f} ms, {}{}", took, info.remote.to_string(),
                    info.path == PathKind::kLan ? ", in the local network" : ""));
    is_direct_ = true;
    next_timer_.stop();
    app_.quit(kDone);
  }

  void fail_not_direct(const std::string& after) {
    app_.fail({kFailed, "NOT_DIRECT",
               fmt::format("{}: no direct path after {}: {} (hsfwd why shows the steps)",
                           peer_name_, after, to_string(socket_->info().path))});
  }

  void next() {
    if (app_.output().broken()) {  // nobody reads any more
      app_.quit(kFailed);
      return;
    }
    if (waiting_) {
      // Lost, and retransmitted meanwhile: the answer shows how long it took in all.
      app_.output().event(events::Silence{sent_}, fmt::format("{}: no answer yet", sent_));
      next_timer_.start(wanted_.interval);
      return;
    }
    waiting_ = true;
    ++sent_;
    socket_->ping([this](Duration rtt) { on_pong(rtt); });
    next_timer_.start(wanted_.interval);
  }

  void on_pong(Duration rtt) {
    waiting_ = false;
    times_.push_back(millis(rtt));
    const PeerInfo info = socket_->info();
    const std::string path = to_string(info.path);
    app_.output().event(events::Pong{sent_, times_.back(), path, info.remote.to_string()},
                        fmt::format("{}: {:.2f} ms, {}", sent_, times_.back(), path));
    look_at_path();
    if (times_.size() != wanted_.count || app_.quitting()) return;
    if (wanted_.until_direct) return fail_not_direct(count_text(wanted_.count, "answer"));
    app_.quit(kDone);
  }

  void on_closed(const std::string& reason) {
    next_timer_.stop();
    if (opened_) {
      app_.fail({kPeerUnreachable, "CONNECTION_LOST", fmt::format("{}: {}", peer_name_, reason)});
    } else {
      UserError error = connect_error(socket_->info().error, peer_name_);
      error.message = fmt::format("{}: {} (hsfwd why shows the steps)", peer_name_, reason);
      app_.fail(error);
    }
  }

  void report_statistics() const {
    if (!opened_ || is_direct_) return;
    events::Statistics out{.sent = sent_, .answered = times_.size()};
    std::string text = fmt::format("{} sent, {} answered", sent_, times_.size());
    if (!times_.empty()) {
      const auto [least, most] = std::minmax_element(times_.begin(), times_.end());
      double sum = 0;
      for (const double time : times_) sum += time;
      const double mean = sum / static_cast<double>(times_.size());
      double squares = 0;
      for (const double time : times_) squares += (time - mean) * (time - mean);
      const double deviation = std::sqrt(squares / static_cast<double>(times_.size()));
      const PeerInfo info = socket_->info();
      const auto repeated = info.packets_repeated;
      out.min = *least;
      out.mean = mean;
      out.max = *most;
      out.deviation = deviation;
      out.repeated = repeated;
      out.mtu = info.mtu;
      text += fmt::format(
          "; {:.2f} / {:.2f} / {:.2f} ms min, mean, max, deviation {:.2f} ms; "
          "{} repeated",
          *least, mean, *most, deviation, count_text(repeated, "packet"));
    }
    app_.output().event(out, text);
  }

  App& app_;
  const std::string peer_name_;
  const Wanted wanted_;
  const Instant began_;
  bool opened_ = false;
  bool waiting_ = false;
  bool is_direct_ = false;  // and that was asked for
  std::uint64_t sent_ = 0;
  std::vector<double> times_;
  Timer next_timer_;
  Observer observer_;
  std::unique_ptr<PeerStream> socket_;
};

Duration seconds_of(const CommandLine& line, const char* option, double least, double most) {
  const std::string text = line.text(option);
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= least) ||
      seconds > most) {
    throw UserError{
        kUsage, "USAGE",
        fmt::format("--{} {}: must be {} to {} seconds", option, shortened(text), least, most)};
  }
  return Duration::micros(static_cast<std::int64_t>(seconds * 1e6));
}

}  // namespace

int run_ping(const Arguments& arguments) {
  CommandLine line(
      "hsfwd ping PEER [-c COUNT] [-i SECONDS] [--until-direct] [OPTION...]",
      "Connects to a peer and measures round-trip times until stopped. An hsfwd peer does not "
      "contact its\nservices for this; a plain peer connects to its only service.");
  line.options().add_options()("count,c", po::value<std::string>(),
                               "N, the number of answers to wait for (default: no limit)")(
      "interval,i", po::value<std::string>()->default_value("1"),
      "SECONDS between pings (default: 1)")(
      "until-direct", po::bool_switch(),
      "exit as soon as the path is direct; fail if --timeout or --count is reached first")(
      "timeout", po::value<std::string>(),
      "SECONDS after which to stop in any case (default: no limit)");
  line.add_connection_options();
  line.positional("peer", 1, {WordKind::kPeer, WordKind::kOther});
  if (!line.parse(arguments)) return kDone;
  const PeerReference peer = peer_argument(line.peer());
  PingRun::Wanted wanted{.interval = seconds_of(line, "interval", kMinInterval, kMaxInterval),
                         .until_direct = line.flag("until-direct")};
  if (line.has("count")) {
    const auto number = parse_decimal(line.text("count"), 1'000'000);
    if (!number || *number == 0) {
      throw UserError{
          kUsage, "USAGE",
          fmt::format("--count {}: must be 1 to 1000000", shortened(line.text("count")))};
    }
    wanted.count = *number;
  }
  if (line.has("timeout")) {
    wanted.timeout = seconds_of(line, "timeout", kMinInterval, kMaxTimeout);
  }

  App app(output_options(line));
  Node& node = app.start_node_as(identity_path(line), node_options(line));
  std::optional<PingRun> run;
  Timer timeout_timer(app.scheduler(), [&] {
    if (run) return run->on_timeout();
    app.fail(not_connected(peer.name, *wanted.timeout));
  });
  if (wanted.timeout) timeout_timer.start(*wanted.timeout);
  node.when_ready([&] {
    if (!app.quitting()) run.emplace(app, peer, wanted);
  });
  return app.run();
}

}  // namespace hsfwd::cli
