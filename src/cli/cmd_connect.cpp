// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/awaited_peer.hpp"
#include "cli/commands.hpp"
#include "cli/connect_kind.hpp"
#include "cli/peer_questions.hpp"
#include "cli/port_ranges.hpp"
#include "cli/recorded_forward.hpp"
#include "cli/reverse_kind.hpp"
#include "cli/reverse_tunnel.hpp"
#include "cli/running_command.hpp"
#include "cli/socks_kind.hpp"
#include "cli/socks_tunnel.hpp"
#include "cli/targets.hpp"
#include "cli/udp_idle.hpp"
#include "util/countdown.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kAsking = "waiting for an answer of";

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

std::vector<forward::LocalForward> parse_forwards(const std::vector<std::string>& texts) {
  std::vector<forward::LocalForward> out;
  for (const std::string& text : texts) {
    const auto refuse = [&](const std::string& why) {
      throw UserError{kUsage, "BAD_SPEC", fmt::format("-L {}: {}", in_quotes(text), why)};
    };
    const auto words = forwards_of_range(text);
    if (!words) refuse(words.error());
    for (const std::string& word : *words) {
      auto forward = parse_local_forward(word);
      if (!forward) refuse(forward.error());
      out.push_back(std::move(*forward));
    }
  }
  return out;
}

std::vector<net::StreamAddress> parse_socks(const std::vector<std::string>& texts) {
  std::vector<net::StreamAddress> out;
  for (const std::string& text : texts) {
    auto listen = parse_socks_address(text);
    if (!listen) {
      throw UserError{kUsage, "BAD_SPEC",
                      fmt::format("-D {}: {}", in_quotes(text), listen.error())};
    }
    out.push_back(std::move(*listen));
  }
  return out;
}

std::vector<forward::ReverseForward> parse_reverses(const std::vector<std::string>& texts) {
  std::vector<forward::ReverseForward> out;
  for (const std::string& text : texts) {
    const auto refuse = [&](const std::string& why) {
      throw UserError{kUsage, "BAD_SPEC", fmt::format("-R {}: {}", in_quotes(text), why)};
    };
    const auto words = reverses_of_range(text);
    if (!words) refuse(words.error());
    for (const std::string& word : *words) {
      auto reverse = parse_reverse_forward(word);
      if (!reverse) refuse(reverse.error());
      const bool twice = std::any_of(out.begin(), out.end(), [&](const auto& other) {
        return other.listen.port != 0 && other.listen == reverse->listen;
      });
      if (twice) refuse(reverse->listen.to_string() + " is asked for twice");
      out.push_back(std::move(*reverse));
    }
  }
  return out;
}

/// The second could only be told that somebody has it.
void refuse_twice(const std::vector<forward::LocalForward>& forwards,
                  const std::vector<net::StreamAddress>& socks) {
  std::vector<net::StreamAddress> all = socks;
  for (const forward::LocalForward& forward : forwards) all.push_back(forward.listen);
  for (auto one = all.begin(); one != all.end(); ++one) {
    if (!one->is_unix() && one->port == 0) continue;  // one is picked
    const bool twice = std::any_of(
        all.begin(), one, [&](const net::StreamAddress& other) { return other.same_place(*one); });
    if (!twice) continue;
    throw UserError{kUsage, "BAD_SPEC",
                    fmt::format("{} is asked for twice", printable(one->to_string()))};
  }
}

/// What is asked for, at least one of it.
struct Forwards {
  std::vector<forward::LocalForward> forwards;
  std::vector<net::StreamAddress> socks;
  std::vector<forward::ReverseForward> reverses;
  Duration udp_idle;
  AddressBook::Peers names = {};  // that SOCKS clients may use
  bool all_or_none = false;       // what does not work at the start ends the command
};

/// Local addresses that lead to one peer, or with SOCKS to any, and addresses of that peer that lead here.
class ConnectRun {
 public:
  /// Opens them. Without a peer there is SOCKS alone. Throws UserError.
  ConnectRun(App& app, const std::optional<PeerReference>& peer, const Forwards& wanted)
      : app_(app), peer_(peer), all_or_none_(wanted.all_or_none), questions_(app) {
    for (const forward::LocalForward& forward : wanted.forwards) {
      local_.push_back(ConnectSpec(*peer, forward, wanted.udp_idle).make(app));
    }
    for (const net::StreamAddress& listen : wanted.socks) {
      local_.push_back(
          std::make_unique<SocksTunnel>(app, listen, SocksDirectory(peer, wanted.names)));
      if (const std::string warning = socks_exposure(listen); !warning.empty()) {
        app.log().warning("socks", "{}", warning);
      }
    }
    for (const forward::ReverseForward& reverse : wanted.reverses) {
      reverses_.push_back(std::make_unique<ReverseTunnel>(app, *peer, reverse));
    }
    for (const auto& tunnel : local_) tunnel->prepare(Unavailable::kTryAgain);
    refuse_if_not_open();
    app.on_goodbye([this](std::function<void()> done) { leave(std::move(done)); });
  }

  /// The peer is asked once, since neither its announcement nor a local port that is open shows that it answers this
  /// key. Who asks it to listen hears from it in any case.
  void start() {
    if (peer_) await_peer(app_, *peer_, kAsking);
    all_or_none_ ? start_if_all_works() : start_anyway();
  }

  std::vector<TunnelView> tunnels() const {
    std::vector<TunnelView> out;
    for (const auto& tunnel : local_) {
      const bool is_socks = dynamic_cast<const SocksTunnel*>(tunnel.get()) != nullptr;
      out.push_back({is_socks ? &kSocksKind : &kConnectKind, tunnel.get()});
    }
    for (const auto& tunnel : reverses_) out.push_back({&kReverseKind, tunnel.get()});
    return out;
  }

  /// What there is of it while the peer is waited for, for people; empty if nothing.
  std::string meanwhile() const {
    std::vector<std::string> open;
    for (const auto& tunnel : local_) open.push_back(tunnel->listens_at());
    if (open.empty()) return "";
    return fmt::format("until it is there, connections to {} fail", fmt::join(open, ", "));
  }

 private:
  using Tunnels = std::vector<std::unique_ptr<Tunnel>>;

  void start_anyway() {
    outcomes_.start(reverses_.size() + 1, [this] { app_.waiting().end(); });
    for (const auto& tunnel : local_) tunnel->start();
    for (const auto& each : reverses_) {
      ReverseTunnel& tunnel = *each;
      tunnel.set_outcomes({{[this, &tunnel] {
                              tunnel.set_outcomes({});
                              outcomes_.step();
                              tunnel.report();
                            },
                            [this, &tunnel](const UserError&) {
                              tunnel.set_outcomes({});
                              outcomes_.step();
                              return false;
                            }}});
      tunnel.start();
    }
    ask(
        [this](const UserError& problem) {
          app_.output().error(problem.code, problem.message + "; listening anyway");
        },
        [this] { outcomes_.step(); });
  }

  /// First what the peer says, then what it is to do, and only then is anything ready.
  void start_if_all_works() {
    ask(
        [this](const UserError& problem) {
          if (!failure_) {
            failure_ = problem;
          } else {
            failure_->message += "; " + problem.message;
          }
        },
        [this] {
          if (failure_) return app_.fail(*failure_);
          if (!app_.quitting()) start_reverses();
        });
  }

  void start_reverses() {
    outcomes_.start(reverses_.size() + 1, [this] { tell_ready(); });
    for (const auto& tunnel : reverses_) {
      tunnel->set_outcomes({{[this] { outcomes_.step(); },
                             [this](const UserError& error) {
                               app_.fail(error);
                               return true;
                             }}});
      tunnel->start();
    }
    outcomes_.step();  // there may be none
  }

  void tell_ready() {
    if (app_.quitting()) return;
    app_.waiting().end();
    for (const auto& tunnel : local_) tunnel->start();
    for (const auto& tunnel : reverses_) {
      tunnel->set_outcomes({});
      tunnel->report();
    }
  }

  void ask(std::function<void(const UserError&)> on_problem, std::function<void()> done) {
    std::vector<PeerWish> wishes;
    for (const auto& tunnel : local_) {
      if (auto wish = tunnel->wish()) wishes.push_back(std::move(*wish));
    }
    questions_.ask(
        wishes,
        [on_problem = std::move(on_problem)](const PeerReference&, const PeerQuestions::Wanted&,
                                             const UserError& error) { on_problem(error); },
        std::move(done));
  }

  void refuse_if_not_open() const {
    constexpr const char* kCannot = "cannot listen on";  // what each begins with
    std::string why;
    for (const auto& tunnel : local_) {
      const auto problem = tunnel->problem();
      if (!problem) continue;
      why += why.empty() ? problem->text
                         : ", nor on" + problem->text.substr(std::string_view(kCannot).size());
    }
    if (!why.empty()) throw UserError{kFailed, "LISTEN_FAILED", why};
  }

  void leave(std::function<void()> done) {
    left_.start(local_.size() + reverses_.size(), std::move(done));
    for (const auto& tunnel : local_) tunnel->leave([this] { left_.step(); });
    for (const auto& tunnel : reverses_) tunnel->leave([this] { left_.step(); });
  }

  App& app_;
  const std::optional<PeerReference> peer_;
  const bool all_or_none_;
  std::vector<std::unique_ptr<Tunnel>> local_;
  std::vector<std::unique_ptr<ReverseTunnel>> reverses_;
  PeerQuestions questions_;
  std::optional<UserError> failure_;
  Countdown outcomes_;
  Countdown left_;
};

/// What leads to the peer, and from it, and when that is a failure.
void add_forward_options(CommandLine& line) {
  line.options().add_options()("local,L", po::value<std::vector<std::string>>()->composing(),
                               "SPEC, a local address and the service it forwards to; repeatable")(
      "socks,D", po::value<std::vector<std::string>>()->composing(),
      "[BIND:]PORT for SOCKS5: SERVICE.KEY.hsfwd is that peer's service; all other destinations go "
      "to PEER, if one is given and its --permit allows them; repeatable")(
      "reverse,R", po::value<std::vector<std::string>>()->composing(),
      "[BIND:]PORT[:TARGET], an address on PEER that forwards to a service on this machine, if "
      "PEER's --permit-listen allows it; repeatable")(
      "socket-mode", po::value<std::string>(),
      "MODE of unix sockets given with -L, such as 0660 (default: from the umask)")(
      "socket-group", po::value<std::string>(),
      "GROUP of unix sockets given with -L, whose members may connect (--socket-mode then defaults "
      "to 0660)");
  add_udp_idle_option(line);
  add_wait_option(line);
  line.options().add_options()("exit-on-forward-failure", po::bool_switch(),
                               "fail if, at the start, PEER does not answer this key, lacks a "
                               "requested service, or refuses to listen for -R");
}

}  // namespace

int run_connect(const Arguments& arguments) {
  constexpr const char* kUsageLine =
      "hsfwd connect [PEER] -L SPEC... -D [BIND:]PORT... -R SPEC... [OPTION...]";
  CommandLine line(kUsageLine,
                   "Opens local ports that forward to PEER's services. SPEC is "
                   "[BIND:]PORT[:SERVICE],\nudp:[BIND:]PORT[:SERVICE], "
                   "tcp+udp:[BIND:]PORT[:SERVICE] or unix:PATH[:SERVICE]; port 0 picks a\nfree "
                   "port. With -D, programs choose their destination through SOCKS5. If PEER is "
                   "hs://..., -L may be\nomitted: the holesail server's own port is used.");
  add_forward_options(line);
  line.add_patience_options();
  line.add_connection_options();
  line.positional("peer", -1, {WordKind::kPeer, WordKind::kOther});
  if (!line.parse(arguments)) return kDone;
  refuse_more_words(line.texts("peer"), kUsageLine);

  Forwards wanted{.forwards = parse_forwards(line.texts("local")),
                  .socks = parse_socks(line.texts("socks")),
                  .reverses = parse_reverses(line.texts("reverse")),
                  .udp_idle = {},
                  .all_or_none = line.flag("exit-on-forward-failure")};
  auto& forwards = wanted.forwards;
  const bool needs_peer = !forwards.empty() || !wanted.reverses.empty() || wanted.socks.empty();
  std::optional<PeerReference> peer;
  if (line.has("peer") || needs_peer) peer = peer_argument(line.peer());
  const bool nothing = forwards.empty() && wanted.socks.empty() && wanted.reverses.empty();
  const bool recorded = nothing && peer->connection_string;
  if (nothing && !recorded) {
    throw UserError{kUsage, "USAGE",
                    "-L is missing: name a local port, such as -L 2222 (or -D, or -R)"};
  }
  refuse_twice(forwards, wanted.socks);
  read_socket_access(line, forwards);
  const bool has_udp =
      recorded || std::any_of(forwards.begin(), forwards.end(),
                              [](const auto& forward) { return forward.listen.udp; });
  wanted.udp_idle = udp_idle(line, has_udp, "-L");

  App app(lasting_output_options(line));
  const AddressBook book = AddressBook::load();
  app.set_names(PeerNames(book.peers()));
  wanted.names = book.peers();
  Node& node = app.start_node_as(identity_path(line), node_options(line));

  std::optional<ConnectRun> run;
  if (!recorded) run.emplace(app, peer, wanted);
  std::optional<RecordedForward> record;
  if (recorded) {
    record.emplace(app, *peer, [&](const forward::LocalForward& forward) {
      wanted.forwards = {forward};
      run.emplace(app, peer, wanted);
      run->start();
    });
  }
  const RunningCommand running(app, "connect",
                               [&] { return run ? run->tunnels() : std::vector<TunnelView>(); });
  const auto start = [&] { record ? record->start() : run->start(); };
  std::optional<AwaitedPeer> awaited;
  if (peer) {
    awaited.emplace(app, *peer, line.flag("wait"), [&](ConnectError error) {
      if (error == ConnectError::kNone) {
        start();
      } else {
        app.fail(connect_error(error, peer->name));
      }
    });
    if (run) awaited->set_meanwhile(run->meanwhile());
  }
  if (!peer && line.flag("wait")) app.on_no_answer([] {});
  node.when_ready([&] { awaited ? awaited->start() : start(); });
  return app.run();
}

}  // namespace hsfwd::cli
