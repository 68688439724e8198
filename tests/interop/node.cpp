// SPDX-License-Identifier: Apache-2.0
// Nodes of ours that tests in JavaScript drive through standard input and output, one JSON object a
// line: everything the public API can do, which the command line has no words for.
//
//   interop_node BOOTSTRAP_PORT PERSISTENT EPHEMERAL [walled]     how many nodes of each kind
//
// `walled` puts them behind a firewall, of which the verb `wall` says whether it is closed.
// Ids of the persistent ones begin with a bit that is 1, so that tests can tell who is close to what.
// Commands have an `id`, which comes back in {"event":"done"} or {"event":"failed"}. Bytes are hex.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "hyperdht/dht.hpp"
#include "hyperdht/store/operations.hpp"
#include "node/hsfwd.hpp"
#include "node/internals.hpp"
#include "platform/log_sink.hpp"
#include "platform/loop.hpp"
#include "platform/posix/fd_stream.hpp"
#include "platform/signals.hpp"
#include "util/text.hpp"
#include "wall.hpp"

namespace hsfwd {

namespace {

using Json = nlohmann::json;

class Driver final : private net::ByteStreamObserver {
 public:
  Driver(std::uint16_t bootstrap, std::size_t persistent, std::size_t ephemeral, bool walled)
      : sink_(platform::make_log_sink(platform::LogFormat::kText, nullptr)),
        log_(*sink_, LogLevel::kWarning),
        bootstrap_{{"127.0.0.1", std::nullopt, bootstrap}},
        persistent_(persistent),
        size_(persistent + ephemeral),
        wall_(loop_.env(log_).udp),
        input_(loop_, platform::UniqueFd(STDIN_FILENO),
               platform::UniqueFd(open("/dev/null", O_WRONLY))) {
    platform::ignore_broken_pipes();
    if (walled) wall_.stand();
    grow();
  }

  ~Driver() override {
    input_.set_observer(nullptr);
    operations_.clear();
    sockets_.clear();
    servers_.clear();
    relays_.clear();
    loop_.scheduler().collect();
  }

  void run() { loop_.run(); }

 private:
  static void say(const Json& event) {
    std::printf("%s\n", event.dump().c_str());
    std::fflush(stdout);
  }

  // --- Nodes ---

  net::Env env() {
    const net::Env inside = loop_.env(log_);
    return {inside.scheduler,  wall_,     inside.random, inside.interfaces, inside.resolver,
            inside.wall_clock, inside.log};
  }

  /// One after the other, so that each finds the ones before.
  void grow() {
    if (nodes_.size() == size_) {
      report();
      return;
    }
    Options options;
    options.bootstrap = bootstrap_;
    options.host = net::Ipv4::loopback();
    options.port = 0;
    const bool persistent = nodes_.size() < persistent_;
    if (persistent) options.ephemeral = false;
    options.firewalled = !persistent;
    options.any_port = false;
    do {
      if (persistent) options.port = port_of_high_id();
      nodes_.push_back(std::make_unique<Node>(env(), options));
      if (nodes_.back()->start()) break;
      nodes_.pop_back();
    } while (true);
    nodes_.back()->when_ready([this] { grow(); });
  }

  /// Node ids are hashes of addresses.
  std::uint16_t port_of_high_id() {
    for (;;) {
      const auto port = static_cast<std::uint16_t>(10000 + loop_.random().u64() % 20000);
      if (rpc::node_id_of({net::Ipv4::loopback(), port}).bytes[0] >= 0x80) return port;
    }
  }

  void report() {
    Json nodes = Json::array();
    for (const auto& node : nodes_) {
      const auto address = node->status().local;
      const auto id = Internals::dht(*node).node().id();
      nodes.push_back({{"port", address.port}, {"id", id ? Json(to_hex(id->view())) : Json()}});
    }
    say({{"event", "ready"}, {"nodes", nodes}});
    input_.set_observer(this);
    on_readable();
  }

  // --- Commands ---

  void on_readable() override {
    std::uint8_t block[4096];
    for (;;) {
      const net::ReadResult result = input_.read(block);
      if (result.state == net::ReadState::kEnd) loop_.stop();
      if (result.state != net::ReadState::kData) return;
      line_ += as_text(ByteView(block).first(result.size));
      for (std::size_t end; (end = line_.find('\n')) != std::string::npos;) {
        const Json command = Json::parse(line_.substr(0, end));
        line_.erase(0, end + 1);
        run(command);
      }
    }
  }
  void on_writable() override {}
  void on_reset(const std::string&) override { loop_.stop(); }

  void run(const Json& command) {
    const std::string verb = command.at("do");
    const std::map<std::string, void (Driver::*)(const Json&)> verbs = {
        {"putImmutable", &Driver::put_immutable},
        {"getImmutable", &Driver::get_immutable},
        {"putMutable", &Driver::put_mutable},
        {"getMutable", &Driver::get_mutable},
        {"announce", &Driver::announce},
        {"unannounce", &Driver::announce},
        {"lookup", &Driver::lookup},
        {"listen", &Driver::listen},
        {"close", &Driver::close_server},
        {"connect", &Driver::connect},
        {"write", &Driver::write},
        {"send", &Driver::send},
        {"end", &Driver::end},
        {"reset", &Driver::reset},
        {"pause", &Driver::pause},
        {"resume", &Driver::resume},
        {"stats", &Driver::stats},
        {"path", &Driver::path},
        {"relay", &Driver::relay},
        {"wall", &Driver::wall},
    };
    (this->*verbs.at(verb))(command);
  }

  static void done(const Json& command, Json more = Json::object()) {
    more["event"] = "done";
    more["id"] = command.at("id");
    say(more);
  }
  static void failed(const Json& command, const std::string& error) {
    say({{"event", "failed"}, {"id", command.at("id")}, {"error", error}});
  }

  Node& node(const Json& command) { return *nodes_.at(command.at("node").get<std::size_t>()); }
  rpc::Node& rpc(const Json& command) { return Internals::dht(node(command)).node(); }
  static Bytes bytes(const Json& command, const char* name) {
    return from_hex(command.at(name).get<std::string>()).value();
  }
  template <class Fixed>
  static Fixed fixed(const Json& command, const char* name) {
    return Fixed::from(bytes(command, name));
  }
  static KeyPair keys(const Json& command) {
    return KeyPair::from_seed(fixed<Seed>(command, "seed"));
  }
  /// Operations live until the end: there are few of them.
  template <class Operation, class... Arguments>
  void start(Arguments&&... arguments) {
    auto operation = std::make_shared<Operation>(std::forward<Arguments>(arguments)...);
    operation->start();
    operations_.push_back(std::move(operation));
  }

  // --- Values and topics ---

  void put_immutable(const Json& command) {
    start<hyperdht::PutImmutable>(rpc(command), bytes(command, "value"),
                                  [command](const auto& result) {
                                    if (!result) return failed(command, to_string(result.error()));
                                    done(command, {{"target", to_hex(result->view())}});
                                  });
  }

  void get_immutable(const Json& command) {
    start<hyperdht::GetImmutable>(rpc(command), fixed<rpc::Target>(command, "target"),
                                  [command](const auto& result) {
                                    if (!result) return failed(command, to_string(result.error()));
                                    done(command, {{"value", to_hex(*result)}});
                                  });
  }

  void put_mutable(const Json& command) {
    start<hyperdht::PutMutable>(rpc(command), keys(command), command.at("seq").get<std::uint64_t>(),
                                bytes(command, "value"), [command](const auto& result) {
                                  if (!result) return failed(command, to_string(result.error()));
                                  done(command);
                                });
  }

  void get_mutable(const Json& command) {
    start<hyperdht::GetMutable>(
        rpc(command), fixed<PublicKey>(command, "key"), command.value("seq", std::uint64_t{0}),
        [command](const auto& result) {
          if (!result) return failed(command, to_string(result.error()));
          done(command, {{"seq", result->seq}, {"value", to_hex(result->value)}});
        });
  }

  void announce(const Json& command) {
    const auto what = command.at("do") == "announce" ? hyperdht::Command::kAnnounce
                                                     : hyperdht::Command::kUnannounce;
    start<hyperdht::AnnounceTopic>(
        rpc(command), what, fixed<rpc::Target>(command, "topic"), keys(command), addresses(command),
        command.value("bump", std::uint64_t{0}), [command](const auto& result) {
          if (!result) return failed(command, to_string(result.error()));
          done(command);
        });
  }

  void lookup(const Json& command) {
    auto peers = std::make_shared<std::map<std::string, Json>>();
    start<hyperdht::LookupTopic>(
        rpc(command), fixed<rpc::Target>(command, "topic"),
        [peers](const hyperdht::LookupReply& reply) {
          for (const auto& peer : reply.peers) {
            Json relays = Json::array();
            for (const auto& relay : peer.relay_addresses) relays.push_back(relay.to_string());
            (*peers)[to_hex(peer.public_key.view())] = relays;
          }
        },
        [command, peers] {
          done(command, {{"peers", *peers}});
        });
  }

  static std::vector<net::Address> addresses(const Json& command) {
    std::vector<net::Address> out;
    for (const std::uint16_t port : command.value("relays", std::vector<std::uint16_t>())) {
      out.push_back({net::Ipv4::loopback(), port});
    }
    return out;
  }

  // --- Servers and sockets ---

  /// Blind relays.
  static std::vector<PublicKey> relays_of(const Json& command) {
    if (!command.contains("relayThrough")) return {};
    return {fixed<PublicKey>(command, "relayThrough")};
  }

  void listen(const Json& command) {
    const std::string name = command.at("as");
    ServerOptions options;
    options.relay_through = relays_of(command);
    options.holepunch = options.share_local_addresses = command.value("direct", true);
    Server server = node(command).create_server(
        [this, name](PeerSocket socket) {
          const std::string id = name + "/" + std::to_string(++accepted_);
          const std::string key = to_hex(socket.remote_key().view());
          const bool ours = socket.info().is_hsfwd();
          const std::string path = to_string(socket.info().path);
          add_socket(id, std::move(socket));
          say({{"event", "connection"},
               {"server", name},
               {"socket", id},
               {"key", key},
               {"ours", ours},
               {"path", path}});
        },
        std::move(options));
    server.on_announced([command, told = false](std::size_t relays) mutable {
      if (relays > 0 && !std::exchange(told, true)) done(command, {{"relays", relays}});
    });
    if (!server.listen(keys(command))) return failed(command, "listens already");
    servers_.insert_or_assign(name, std::move(server));
  }

  void close_server(const Json& command) {
    servers_.at(command.at("as")).close([command] { done(command); });
  }

  void connect(const Json& command) {
    ConnectOptions options;
    options.introducers = addresses(command);
    options.relay_through = relays_of(command);
    options.holepunch = options.local_connection = command.value("direct", true);
    if (command.contains("seed")) options.key_pair = keys(command);
    PeerSocket& socket = add_socket(
        command.at("as"), node(command).connect(fixed<PublicKey>(command, "key"), options));
    socket.on_open([&socket, command] {
      done(command, {{"path", to_string(socket.info().path)}});
    });
  }

  PeerSocket& add_socket(const std::string& id, PeerSocket fresh) {
    PeerSocket& socket = sockets_.insert_or_assign(id, std::move(fresh)).first->second;
    socket.on_data([id](ByteView data) {
      say({{"event", "data"}, {"socket", id}, {"data", to_hex(data)}});
    });
    socket.on_message([id](ByteView data) {
      say({{"event", "message"}, {"socket", id}, {"data", to_hex(data)}});
    });
    socket.on_end([id] { say({{"event", "end"}, {"socket", id}}); });
    socket.on_close([id, &socket](const std::string& reason) {
      say({{"event", "close"},
           {"socket", id},
           {"reason", reason},
           {"error", to_string(socket.info().error)}});
    });
    return socket;
  }

  PeerSocket& socket(const Json& command) { return sockets_.at(command.at("socket")); }

  void write(const Json& command) {
    socket(command).write(bytes(command, "data"));
    done(command);
  }
  void send(const Json& command) {
    socket(command).send(bytes(command, "data"));
    done(command, {{"max", socket(command).max_message()}});
  }
  void end(const Json& command) {
    socket(command).end();
    done(command);
  }
  void reset(const Json& command) {
    sockets_.erase(command.at("socket").get<std::string>());
    done(command);
  }
  void pause(const Json& command) {
    socket(command).pause();
    done(command);
  }
  void resume(const Json& command) {
    socket(command).resume();
    done(command);
  }

  void stats(const Json& command) {
    const auto& router = Internals::dht(node(command)).router().stats();
    done(command, {{"handshakesRelayed", router.handshakes_relayed},
                   {"openSockets", node(command).status().connections}});
  }

  void path(const Json& command) {
    done(command, {{"path", to_string(socket(command).info().path)}});
  }

  // --- Relays and walls ---

  void relay(const Json& command) {
    relays_.push_back(node(command).create_relay());
    const auto listening =
        relays_.back()->listen(keys(command), [command, told = false](std::size_t relays) mutable {
          if (relays > 0 && !std::exchange(told, true)) done(command);
        });
    if (!listening) failed(command, "listens already");
  }

  void wall(const Json& command) {
    if (command.contains("butFor")) {
      wall_.close(command.at("butFor").get<std::set<std::uint16_t>>());
    } else {
      wall_.open();
    }
    done(command);
  }

  std::unique_ptr<LogSink> sink_;
  Log log_;
  platform::Loop loop_;
  std::vector<BootstrapNode> bootstrap_;
  const std::size_t persistent_;
  const std::size_t size_;
  Wall wall_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, Server> servers_;
  std::vector<std::unique_ptr<RelayNode>> relays_;
  std::map<std::string, PeerSocket> sockets_;
  std::vector<std::shared_ptr<void>> operations_;
  std::size_t accepted_ = 0;
  std::string line_;
  platform::FdStream input_;
};

}  // namespace

}  // namespace hsfwd

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: interop_node BOOTSTRAP_PORT PERSISTENT EPHEMERAL [walled]\n");
    return 2;
  }
  const auto number = [&](int i) {
    return static_cast<std::uint16_t>(hsfwd::parse_decimal(argv[i], 65535).value());
  };
  hsfwd::Driver(number(1), number(2), number(3), argc == 5).run();
}
