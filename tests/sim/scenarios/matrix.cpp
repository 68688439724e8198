// SPDX-License-Identifier: Apache-2.0
// Every kind of NAT at the server against every kind at the client, over two hundred seeds.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lab.hpp"

using namespace hsfwd;
using namespace hsfwd::scenarios;

namespace {

constexpr std::size_t kKinds = std::size(kAllKinds);

struct Cell {
  int tries = 0;
  std::vector<Duration> first_byte;  // of those that connected
  std::vector<Duration> given_up;
  std::vector<std::uint64_t> datagrams;  // that both sides sent until then
  std::map<std::string, int> verdicts;
  std::string a_failure;  // one timeline

  static Duration quantile(std::vector<Duration> values, double q) {
    if (values.empty()) return Duration::max();
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
  }
  double success() const {
    return static_cast<double>(first_byte.size()) / static_cast<double>(tries);
  }
  Duration median() const { return quantile(first_byte, 0.5); }
  Duration p95() const { return quantile(first_byte, 0.95); }
  double mean_datagrams() const {
    double sum = 0;
    for (const std::uint64_t n : datagrams) sum += static_cast<double>(n);
    return sum / static_cast<double>(datagrams.size());
  }
};

/// One loss rate: server kind, then client kind.
using Matrix = std::array<std::array<Cell, kKinds>, kKinds>;

struct ServerSite {
  ServerSite(Lab& lab, Kind kind, std::uint32_t key) : place(lab.add_place(kind)) {
    peer = lab.add_peer(place, lab.keys(1000 + key));
    greeter = std::make_unique<Greeter>(lab, *peer, lab.keys(key));
  }
  Place place;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Greeter> greeter;
};

struct ClientSite {
  ClientSite(Lab& lab, Kind kind, std::uint32_t key) : place(lab.add_place(kind)) {
    peer = lab.add_peer(place, lab.keys(key));
  }
  void connect(const ServerSite& server, Instant now) {
    began = now;
    sent_before = peer->host().sent() + server.peer->host().sent();
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    options.timeline = [this](const hyperdht::AttemptEvent& event) {
      last = event.text;
      timeline += fmt::format("  {:>6.3f} {:<10} {}\n", (event.at - began).to_seconds(),
                              hyperdht::to_string(event.step), event.text);
    };
    socket = std::make_unique<SocketRecorder>(
        peer->dht().connect(server.greeter->public_key, std::move(options)));
  }
  bool decided() const { return !socket->received.empty() || socket->reset; }
  /// Notes how it ended, once.
  void note(const ServerSite& server, Cell& cell, Instant now) {
    if (noted || !decided()) return;
    noted = true;
    ++cell.tries;
    cell.datagrams.push_back(peer->host().sent() + server.peer->host().sent() - sent_before);
    if (socket->reset) {
      cell.given_up.push_back(now - began);
      ++cell.verdicts[last];
      cell.a_failure = std::move(timeline);
    } else {
      cell.first_byte.push_back(now - began);
    }
  }

  Place place;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<SocketRecorder> socket;
  std::string last;
  std::string timeline;
  Instant began;
  std::uint64_t sent_before = 0;
  bool noted = false;
};

/// All pairs of kinds in one world: the servers stay, and each round another kind of clients comes,
/// one to each of them.
std::uint64_t run_seed(std::uint64_t seed, double loss, Matrix& matrix) {
  Lab lab(seed);
  lab.world.core().set_loss(loss);
  std::vector<std::unique_ptr<ServerSite>> servers;
  for (std::size_t i = 0; i < kKinds; ++i) {
    servers.push_back(
        std::make_unique<ServerSite>(lab, kAllKinds[i], static_cast<std::uint32_t>(i)));
  }
  lab.world.run_for(60_s);
  for (std::size_t c = 0; c < kKinds; ++c) {
    std::vector<std::unique_ptr<ClientSite>> clients;
    for (std::size_t s = 0; s < kKinds; ++s) {
      clients.push_back(std::make_unique<ClientSite>(
          lab, kAllKinds[c], static_cast<std::uint32_t>(100 + c * kKinds + s)));
    }
    lab.world.run_for(60_s);  // servers' budgets for random punches fill up again meanwhile
    for (std::size_t s = 0; s < kKinds; ++s) clients[s]->connect(*servers[s], lab.world.now());
    const bool all = lab.world.run_until(
        [&] {
          bool decided = true;
          for (std::size_t s = 0; s < kKinds; ++s) {
            clients[s]->note(*servers[s], matrix[s][c], lab.world.now());
            decided = decided && clients[s]->noted;
          }
          return decided;
        },
        120_s);
    CHECK(all);
    for (auto& server : servers) server->greeter->sockets.clear();
  }
  return lab.world.trace_hash();
}

void print(const std::map<int, Matrix>& by_loss) {
  fmt::print(
      "Success, median and 95th percentile of the time to the first byte (s), mean of the "
      "datagrams both sides sent\n{:<12} x {:<12}",
      "server", "client");
  for (const auto& [loss, matrix] : by_loss) {
    fmt::print(" | {:<26}", fmt::format("loss {} %, {} seeds", loss, matrix[0][0].tries));
  }
  fmt::print("\n");
  for (std::size_t s = 0; s < kKinds; ++s) {
    for (std::size_t c = 0; c < kKinds; ++c) {
      fmt::print("{:<12} x {:<12}", to_string(kAllKinds[s]), to_string(kAllKinds[c]));
      for (const auto& [loss, matrix] : by_loss) {
        const Cell& cell = matrix[s][c];
        if (cell.first_byte.empty()) {
          fmt::print(" | never, {:>5.1f} {:>5.1f} {:>7.0f}",
                     Cell::quantile(cell.given_up, 0.5).to_seconds(),
                     Cell::quantile(cell.given_up, 0.95).to_seconds(), cell.mean_datagrams());
        } else {
          fmt::print(" | {:>5.1f}% {:>5.2f} {:>5.2f} {:>7.0f}", cell.success() * 100,
                     cell.median().to_seconds(), cell.p95().to_seconds(), cell.mean_datagrams());
        }
      }
      fmt::print("\n");
    }
  }
  for (const auto& [loss, matrix] : by_loss) {
    for (std::size_t s = 0; s < kKinds; ++s) {
      for (std::size_t c = 0; c < kKinds; ++c) {
        if (is_random(kAllKinds[s]) && is_random(kAllKinds[c])) continue;
        for (const auto& [verdict, count] : matrix[s][c].verdicts) {
          fmt::print("{} x {} at {} %: {} x {}\n{}", to_string(kAllKinds[s]),
                     to_string(kAllKinds[c]), loss, count, verdict, matrix[s][c].a_failure);
        }
      }
    }
  }
}

/// Kinds that behave alike, taken together.
enum class Group { kOpen, kConsistent, kRandomClient, kRandomServer, kBothRandom };

Group group_of(Kind server, Kind client) {
  if (server == Kind::kPublic || client == Kind::kPublic) return Group::kOpen;
  if (is_random(server)) return is_random(client) ? Group::kBothRandom : Group::kRandomServer;
  return is_random(client) ? Group::kRandomClient : Group::kConsistent;
}

Cell pool(const Matrix& matrix, Group group) {
  Cell out;
  for (std::size_t s = 0; s < kKinds; ++s) {
    for (std::size_t c = 0; c < kKinds; ++c) {
      if (group_of(kAllKinds[s], kAllKinds[c]) != group) continue;
      const Cell& cell = matrix[s][c];
      out.tries += cell.tries;
      const auto append = [](auto& to, const auto& from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      append(out.first_byte, cell.first_byte);
      append(out.given_up, cell.given_up);
      append(out.datagrams, cell.datagrams);
    }
  }
  return out;
}

constexpr int kSeeds = 200;

}  // namespace

TEST_CASE("the same seed gives the same packets, NATs, loss and punches included") {
  Matrix matrix;
  const std::uint64_t first = run_seed(3, 0.05, matrix);
  CHECK(run_seed(3, 0.05, matrix) == first);
  CHECK(run_seed(4, 0.05, matrix) != first);
}

// JavaScript, measured between network namespaces with the same delays: 0.2 s with a public peer,
// 0.28 s between consistent NATs and up to 2.2 s at 10 % loss, 2.6 to 6.4 s with a random NAT on
// one side, and one such attempt in five fails under loss.
TEST_CASE("every kind of NAT against every kind") {
  std::map<int, Matrix> by_loss;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const int loss = seed % 2 == 0 ? 0 : seed % 4 == 1 ? 2 : 10;
    run_seed(static_cast<std::uint64_t>(seed), loss / 100.0, by_loss[loss]);
  }
  print(by_loss);

  for (const auto& [loss, matrix] : by_loss) {
    CAPTURE(loss);
    const Cell both_random = pool(matrix, Group::kBothRandom);
    CHECK(both_random.first_byte.empty());
    CHECK(Cell::quantile(both_random.given_up, 1) < 15_s);
    CHECK(Cell::quantile(both_random.given_up, 0.5) < 1_s);
    // Both sides together, whatever else they had to say in that time.
    for (const Group group : {Group::kRandomClient, Group::kRandomServer}) {
      const auto sent = pool(matrix, group).datagrams;
      CHECK(*std::max_element(sent.begin(), sent.end()) < 4500);
    }
  }

  for (const auto& [loss, matrix] : by_loss) {
    CAPTURE(loss);
    for (std::size_t s = 0; s < kKinds; ++s) {
      for (std::size_t c = 0; c < kKinds; ++c) {
        const Group group = group_of(kAllKinds[s], kAllKinds[c]);
        if (group == Group::kBothRandom) continue;
        CAPTURE(to_string(kAllKinds[s]), to_string(kAllKinds[c]));
        const bool chance = group == Group::kRandomClient || group == Group::kRandomServer;
        CHECK(matrix[s][c].success() >= (chance ? 0.94 : 1));
      }
    }
    const auto calm = [&](Group group) { return pool(by_loss.at(0), group).median(); };
    for (const Group group : {Group::kRandomClient, Group::kRandomServer}) {
      const Cell cell = pool(matrix, group);
      CHECK(cell.success() >= 0.99);
      CHECK(cell.median() < 2500_ms);
      CHECK(cell.median() <= calm(group) * 2);
    }
    for (const Group group : {Group::kOpen, Group::kConsistent}) {
      const Cell cell = pool(matrix, group);
      CHECK(cell.median() <= (group == Group::kOpen ? 200_ms : 280_ms) * (loss == 10 ? 2 : 1));
      CHECK(cell.median() <= calm(group) * 2);
      CHECK(cell.p95() <= (loss == 0 ? 350_ms : loss == 2 ? 600_ms : 1500_ms));
    }
  }
}
