// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/plan.hpp"
#include "cli/tunnels.hpp"

namespace hsfwd::cli {

namespace {

/// All tunnels of a plan. They last until the program is told to end, whatever the network does.
class Tunnels {
 public:
  Tunnels(App& app, Plan plan) : app_(app) {
    for (Plan::Expose& expose : plan.exposes) prepare(std::move(expose));
    for (Plan::Connect& connect : plan.connects) {
      connects_.push_back(std::make_unique<PeerTunnel>(app_, connect.peer_name, connect.peer,
                                                       std::move(connect.forwards)));
      connects_.back()->listen();
    }
    for (auto& exposure : exposures_) start(*exposure);
    app_.node().when_ready([this] {
      if (!app_.node().online()) {
        app_.log().warning("up", "no DHT node answers yet; trying on");
      }
    });
    // Local ports work from now on: who connects waits for the network, if it comes to that.
    for (const auto& connect : connects_) connect->report_ready();
  }

 private:
  void prepare(Plan::Expose&& expose) {
    const platform::Identity identity = require_identity(expose.identity, app_.loop().random());
    auto lock = platform::IdentityLock::acquire(expose.identity);
    if (!lock) throw UserError{kFailed, "IDENTITY_IN_USE", lock.error()};
    exposures_.push_back(std::make_unique<Exposure>(
        app_, Exposure::Settings{.keys = identity.keys,
                                 .lock = std::move(*lock),
                                 .services = std::move(expose.services),
                                 .allow = std::move(expose.allow)}));
  }

  void start(Exposure& exposure) {
    exposure.start([&exposure, reported = false](std::size_t relays) mutable {
      if (relays > 0 && !std::exchange(reported, true)) exposure.report_listening();
    });
  }

  App& app_;
  std::vector<std::unique_ptr<Exposure>> exposures_;
  std::vector<std::unique_ptr<PeerTunnel>> connects_;
};

}  // namespace

int run_up(const Arguments& arguments) {
  CommandLine line("hsfwd up [-c FILE] [OPTION...]",
                   "Runs all tunnels of a configuration file, for good.");
  line.options().add_options()("config,c", po::value<std::string>(), "FILE to run");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  Plan plan = load_plan(line.text("config"));
  App app(output_options(line));
  const platform::Identity identity = require_identity(plan.identity, app.loop().random());
  Options options = plan.node;
  options.key_pair = identity.keys;
  app.start_node(std::move(options));
  const Tunnels tunnels(app, std::move(plan));
  return app.run();
}

}  // namespace hsfwd::cli
