// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/events/nodes.hpp"
#include "cli/table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::uint64_t kMaxSize = 1000;

/// Nodes of a network of their own, all in this process.
class Testnet {
 public:
  Testnet(App& app, net::Ipv4 host, std::uint16_t port, std::size_t size,
          std::function<void()> ready)
      : app_(app), host_(host), size_(size), ready_(std::move(ready)) {
    Options first = options_for(port);
    first.any_port = false;
    first.own_address = net::Address{host_, 0};
    const std::uint16_t bound = start(std::move(first)).status().local.port;
    bootstrap_ = {{host_.to_string(), std::nullopt, bound}};
    grow();
  }

  const std::vector<BootstrapNode>& bootstrap() const { return bootstrap_; }

 private:
  Options options_for(std::uint16_t port) const {
    Options options;
    options.bootstrap = bootstrap_;
    options.host = host_;
    options.port = port;
    options.ephemeral = false;
    options.firewalled = false;
    return options;
  }

  Node& start(Options options) {
    const std::uint16_t port = options.port;
    nodes_.push_back(std::make_unique<Node>(app_.env(), std::move(options)));
    if (!nodes_.back()->start()) {
      nodes_.pop_back();
      throw UserError{
          kFailed, "UDP_BIND_FAILED",
          fmt::format("UDP port {} on {} is in use or not allowed", port, host_.to_string())};
    }
    return *nodes_.back();
  }

  /// One after the other, so that each finds the earlier ones.
  void grow() {
    if (nodes_.size() == size_) {
      ready_();
      return;
    }
    try {
      start(options_for(0)).when_ready([this] { grow(); });
    } catch (const UserError& error) {
      app_.fail(error);
    }
  }

  App& app_;
  const net::Ipv4 host_;
  const std::size_t size_;
  std::function<void()> ready_;
  std::vector<BootstrapNode> bootstrap_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace

int run_testnet(const Arguments& arguments) {
  CommandLine line("hsfwd testnet [--size N] [--port P] [--host ADDR] [OPTION...]",
                   "Runs a private DHT in one process, for experiments and tests.");
  line.options().add_options()("size", po::value<std::string>()->default_value("10"),
                               "N, the number of nodes (default: 10)")(
      "port", po::value<std::string>()->default_value("49737"),
      "P, the UDP port of the first node, which is the bootstrap node (default: 49737; 0 picks a "
      "free one)")("host", po::value<std::string>()->default_value("127.0.0.1"),
                   "ADDR of the nodes (default: 127.0.0.1)");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const auto size = parse_decimal(line.text("size"), kMaxSize);
  if (!size || *size == 0) {
    throw UserError{
        kUsage, "USAGE",
        fmt::format("--size {}: must be 1 to {}", shortened(line.text("size")), kMaxSize)};
  }
  const auto port = parse_decimal(line.text("port"), 65535);
  if (!port) {
    throw UserError{kUsage, "USAGE",
                    fmt::format("--port {}: must be 0 to 65535", shortened(line.text("port")))};
  }
  const auto host = net::Ipv4::parse(line.text("host"));
  if (!host || host->is_any()) {
    throw UserError{kUsage, "USAGE",
                    fmt::format("--host {}: must be an IPv4 address of this machine",
                                shortened(line.text("host")))};
  }

  App app(lasting_output_options(line));
  std::optional<Testnet> testnet;
  const auto report = [&] {
    app.waiting().end();
    const std::string address = testnet->bootstrap()[0].to_string();
    app.output().event(events::TestnetReady{{address}, *size},
                       fmt::format("{}, bootstrap {}", count_text(*size, "node"), address));
  };
  // The last node may be ready before the constructor is through, if there is only one.
  Task report_task(app.scheduler(), report);
  app.waiting().begin(fmt::format("starting {}", count_text(*size, "node")),
                      {.what = "nodes", .size = *size});
  testnet.emplace(app, *host, static_cast<std::uint16_t>(*port), *size,
                  [&] { report_task.post(); });
  return app.run();
}

}  // namespace hsfwd::cli
