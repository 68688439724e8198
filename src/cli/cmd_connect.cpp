// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "cli/awaited_peer.hpp"
#include "cli/commands.hpp"
#include "cli/targets.hpp"
#include "cli/tunnels.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// A port without -L is what people try first.
void refuse_more_words(const std::vector<std::string>& words, const char* usage) {
  if (words.size() <= 1) return;
  const bool local = forward::LocalForward::parse(words[1]).ok();
  throw UserError{
      kUsage, "USAGE",
      fmt::format("unexpected argument {}; {}", in_quotes(words[1]),
                  local ? fmt::format("for a local port, write -L {}", shortened(words[1]))
                        : fmt::format("usage: {}", usage))};
}

/// --socket-mode and --socket-group, of all unix sockets among the local addresses.
void read_socket_access(const CommandLine& line, std::vector<forward::LocalForward>& forwards) {
  const auto read = [&](const char* option, auto&& parse, auto field) {
    if (!line.has(option)) return;
    const auto value = parse(line.text(option));
    if (!value) throw UserError{kUsage, "USAGE", fmt::format("--{}: {}", option, value.error())};
    bool used = false;
    for (forward::LocalForward& forward : forwards) {
      if (!forward.listen.is_unix()) continue;
      forward.listen.*field = *value;
      used = true;
    }
    if (used) return;
    throw UserError{kUsage, "USAGE",
                    fmt::format("--{} applies to unix sockets, and no -L is one", option)};
  };
  read("socket-mode", parse_socket_mode, &net::StreamAddress::mode);
  read("socket-group", parse_socket_group, &net::StreamAddress::group);
  for (forward::LocalForward& forward : forwards) {
    if (forward.listen.group && !forward.listen.mode) forward.listen.mode = kGroupSocketMode;
  }
}

}  // namespace

int run_connect(const Arguments& arguments) {
  constexpr const char* kUsageLine = "hsfwd connect PEER -L SPEC... [OPTION...]";
  CommandLine line(kUsageLine,
                   "Opens local ports that lead to PEER's services. SPEC: [BIND:]PORT[:SERVICE] or "
                   "unix:PATH[:SERVICE];\nport 0 picks one.");
  line.options().add_options()("local,L", po::value<std::vector<std::string>>()->composing(),
                               "SPEC, a local address and the service it leads to; repeatable")(
      "socket-mode", po::value<std::string>(),
      "MODE of the unix sockets among them, such as 0660 (default: from the umask)")(
      "socket-group", po::value<std::string>(),
      "GROUP of the unix sockets among them, whose members may connect (mode then defaults to "
      "0660)");
  add_wait_option(line);
  line.add_connection_options();
  line.positional("peer", -1);
  if (!line.parse(arguments)) return kDone;
  refuse_more_words(line.texts("peer"), kUsageLine);

  const PeerReference peer = peer_argument(line.peer());
  std::vector<forward::LocalForward> forwards;
  for (const std::string& text : line.texts("local")) {
    const auto forward = parse_local_forward(text);
    if (!forward) {
      throw UserError{kUsage, "BAD_SPEC",
                      fmt::format("-L {}: {}", in_quotes(text), forward.error())};
    }
    forwards.push_back(*forward);
  }
  if (forwards.empty()) {
    throw UserError{kUsage, "USAGE", "-L is missing: name a local port, such as -L 2222"};
  }

  read_socket_access(line, forwards);

  App app(lasting_output_options(line));
  Node& node = app.start_node_as(identity_path(line), node_options(line));

  PeerTunnel tunnel(app, peer, std::move(forwards));
  tunnel.listen();
  app.on_goodbye([&](const std::function<void()>& done) { tunnel.leave(done); });
  AwaitedPeer awaited(app, peer, line.flag("wait"), [&](ConnectError error) {
    if (error == ConnectError::kNone) {
      tunnel.report_ready();
      tunnel.ask_for_services();
    } else {
      app.fail(connect_error(error, peer.name));
    }
  });
  node.when_ready([&] { awaited.start(); });
  return app.run();
}

}  // namespace hsfwd::cli
