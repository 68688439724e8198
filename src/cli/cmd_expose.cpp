// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exposure.hpp"
#include "cli/permits.hpp"
#include "cli/port_ranges.hpp"
#include "cli/qr_code.hpp"
#include "cli/running_command.hpp"
#include "cli/targets.hpp"
#include "cli/udp_idle.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

std::vector<std::string> spread_ranges(const std::vector<std::string>& targets) {
  std::vector<std::string> out;
  for (const std::string& text : targets) {
    const auto words = services_of_range(text);
    if (!words) {
      throw UserError{kUsage, "BAD_TARGET",
                      fmt::format("target {}: {}", in_quotes(text), words.error())};
    }
    out.insert(out.end(), words->begin(), words->end());
  }
  return out;
}

std::vector<forward::Service> parse_services(const std::vector<std::string>& targets) {
  std::vector<forward::Service> out;
  std::set<std::pair<std::string, bool>> names;  // and whether it is UDP
  for (const std::string& text : spread_ranges(targets)) {
    auto service = parse_service(text);
    if (!service) {
      throw UserError{kUsage, "BAD_TARGET",
                      fmt::format("target {}: {}", in_quotes(text), service.error())};
    }
    if (!names.emplace(service->name, service->target.udp).second) {
      throw UserError{kUsage, "BAD_TARGET",
                      fmt::format("two services are called '{}'; give one another name: NAME={}",
                                  service->name, text.substr(text.find('=') + 1))};
    }
    out.push_back(std::move(*service));
  }
  return out;
}

/// WHO of a permit, in words that say which.
PeerOfWord peer_of(const char* option, const std::string& text) {
  return [option, text](const std::string& word) {
    try {
      return peer_argument(word).key;
    } catch (const UserError& error) {
      throw UserError{error.exit_code, error.code,
                      fmt::format("--{} {}: {}", option, in_quotes(text), error.message)};
    }
  };
}

/// --allow, --permit and --permit-listen, of which the last two may be all that there is.
forward::Policy parse_policy(const CommandLine& line,
                             const std::vector<forward::Service>& services) {
  std::set<PublicKey> allow;
  for (const std::string& text : line.texts("allow")) {
    for (const PublicKey& key : allowed_argument(text)) allow.insert(key);
  }
  std::vector<forward::Permit> permits;
  std::vector<forward::ListenPermit> listens;
  const auto read = [&](const char* option, auto&& add) {
    for (const std::string& text : line.texts(option)) {
      const auto added = add(text, peer_of(option, text));
      if (added) continue;
      throw UserError{kUsage, "BAD_PERMIT",
                      fmt::format("--{} {}: {}", option, in_quotes(text), added.error())};
    }
  };
  read("permit", [&](const std::string& text, const PeerOfWord& peer) {
    return add_permit(permits, text, peer, services, allow);
  });
  read("permit-listen", [&](const std::string& text, const PeerOfWord& peer) {
    return add_permit(listens, text, peer, allow);
  });
  if (services.empty() && listens.empty() && !opens_destinations(permits)) {
    throw UserError{kUsage, "USAGE",
                    "expose what? usage: hsfwd expose [NAME=]PORT | [NAME=]HOST:PORT | "
                    "[NAME=]udp:[HOST:]PORT | [NAME=]unix:PATH ..."};
  }
  allow = let_in(std::move(allow), services, permits, listens);
  return forward::Policy(std::move(allow), std::move(permits), std::move(listens));
}

void refuse_problem(const std::string& problem) {
  if (!problem.empty()) throw UserError{kUsage, "USAGE", problem};
}

}  // namespace

int run_expose(const Arguments& arguments) {
  CommandLine line("hsfwd expose TARGET... [OPTION...]",
                   "Publishes services under this machine's key. TARGET is [NAME=]PORT, "
                   "[NAME=]HOST:PORT,\n[NAME=]udp:[HOST:]PORT, [NAME=]tcp+udp:[HOST:]PORT or "
                   "[NAME=]unix:PATH. Peers that do not name a\nservice get the first one.");
  line.options().add_options()("allow", po::value<std::vector<std::string>>()->composing(),
                               "PEER that may connect, or @FILE, a hypertele configuration with an "
                               "allow list; repeatable (default: anyone who knows the key)")(
      "permit", po::value<std::vector<std::string>>()->composing(),
      "'WHO: WHAT', the only services or destinations that a PEER (or *, everyone) may reach, such "
      "as '*: web' or 'KEY: 10.0.0.0/8:80,443'; repeatable")(
      "permit-listen", po::value<std::vector<std::string>>()->composing(),
      "'WHO: [BIND:]PORTS', the ports that a PEER (or *, everyone) may open on this machine with "
      "-R, such as 'KEY: 8080' or 'KEY: *:8000-8010'; repeatable")(
      "private", po::bool_switch(), "accept only clients that use this same identity")(
      "holesail", po::bool_switch(),
      "publish a record that tells holesail clients the port, and print the hs:// string for them")(
      "qr", po::bool_switch(), "also show the command to connect with as a QR code")(
      "no-client-relays", po::bool_switch(),
      "do not contact relays that clients choose, only those given with --relay-through");
  add_udp_idle_option(line);
  line.add_limit_options();
  line.add_patience_options();
  line.add_connection_options();
  line.positional("target", -1, {WordKind::kTarget});
  if (!line.parse(arguments)) return kDone;

  ExposeSpec spec;
  spec.services = parse_services(line.texts("target"));
  spec.udp_idle = udp_idle(line, spec.has_udp(), "TARGET");
  spec.policy = parse_policy(line, spec.services);
  spec.own_key_only = line.flag("private");
  spec.holesail = line.flag("holesail");
  refuse_problem(spec.problem_with_words(line.has("allow")));
  spec.client_relays = !line.flag("no-client-relays");
  Options options = node_options(line);
  spec.identity = identity_path(line);

  App app(lasting_output_options(line));
  app.set_names(PeerNames(AddressBook::load().peers()));
  app.admission().set_limits(resource_limits(line).admission);
  const platform::Identity identity = require_identity(spec.identity, app.loop().random());
  refuse_problem(spec.problem_with(identity));
  platform::IdentityLock lock = await_lock(identity, spec.identity, app.log());
  options.key_pair = identity.keys;
  Node& node = app.start_node(std::move(options));

  Exposure exposure(app, spec,
                    app.key_listeners().get(app, identity.keys, spec.identity, std::move(lock)));
  const RunningCommand running(app, "expose", [&] {
    return std::vector<TunnelView>{{&kExposeKind, &exposure}};
  });
  bool reported = false;
  node.when_ready([&] { app.waiting().begin("announcing the key", {.what = "announcement"}); });
  exposure.start([&](std::size_t relays) {
    if (reported) return;
    if (relays > 0) {
      reported = true;
      app.waiting().end();
      exposure.report_listening();
      if (line.flag("qr") && !app.output().json()) draw_qr(app.output(), exposure.connect_line());
      exposure.look_for_services();
    } else if (!node.online()) {
      app.fail({kTryLater, "NO_NETWORK",
                "no DHT node answers, not even a bootstrap node; is there a network?"});
    }
  });
  app.on_goodbye([&](std::function<void()> done) { exposure.leave(std::move(done)); });
  return app.run();
}

}  // namespace hsfwd::cli
