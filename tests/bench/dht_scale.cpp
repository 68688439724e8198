// SPDX-License-Identifier: Apache-2.0
// A table of network size against what a lookup costs, in the simulator.
// Usage: bench_dht_scale [NODES...]     1000 3000 10000 unless told otherwise
#include <fmt/format.h>
#include <sys/resource.h>

#include <cmath>
#include <ctime>

#include "sim/scenarios/lookups.hpp"
#include "util/text.hpp"

using namespace hsfwd;

namespace {

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double resident_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void measure(std::size_t size) {
  const double start = cpu_seconds();
  hyperdht::Swarm swarm(1);
  sim::LinkProfile link;
  link.delay = 10_ms;
  swarm.grow_to(size, link);
  const double booted = cpu_seconds();
  const std::uint64_t boot_packets = swarm.world.packets();
  swarm.world.run_for(60_s);
  const double idle = cpu_seconds();
  const std::uint64_t idle_packets = swarm.world.packets() - boot_packets;
  const auto figures = scenarios::measure_lookups(swarm, 100);
  using F = scenarios::LookupFigures;
  const auto nodes = static_cast<double>(size);
  fmt::print(
      "{:>6} {:>6.1f} {:>6.2f} {:>4} {:>9} {:>5} {:>8.0f} {:>8.0f} {:>8} {:>8} {:>10.0f} {:>10.2f} "
      "{:>8.1f} {:>8.1f} {:>8.0f}\n",
      size, std::log2(nodes), figures.mean_hops(), F::quantile(figures.hops, 1.0),
      F::quantile(figures.messages, 0.5), F::quantile(figures.messages, 1.0),
      F::quantile(figures.times, 0.5).to_seconds() * 1e3,
      F::quantile(figures.times, 0.95).to_seconds() * 1e3, figures.complete, figures.nearest,
      static_cast<double>(boot_packets) / nodes, static_cast<double>(idle_packets) / nodes / 60,
      booted - start, idle - booted, resident_mebibytes());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    const auto size = parse_decimal(argv[i], 1'000'000);
    if (!size || *size < rpc::kBucketSize) {
      fmt::print(stderr, "usage: bench_dht_scale [NODES...], at least {}; not '{}'\n",
                 rpc::kBucketSize, argv[i]);
      return 2;
    }
    sizes.push_back(*size);
  }
  if (sizes.empty()) sizes = {1000, 3000, 10'000};
  fmt::print(
      "100 lookups each, 20 ms from node to node; all, three: in how many were the twenty closest "
      "found, or the three\n");
  fmt::print(
      "{:>6} {:>6} {:>6} {:>4} {:>9} {:>5} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} "
      "{:>8}\n",
      "nodes", "log2", "hops", "max", "messages", "max", "ms", "ms p95", "all", "three",
      "boot pkts", "idle pkt/s", "boot s", "1 min s", "peak MiB");
  for (const std::size_t size : sizes) measure(size);
}
