// SPDX-License-Identifier: Apache-2.0
// Every kind of NAT at the server against every kind at the client, over two hundred seeds.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "hyperdht/relay_node.hpp"
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

/// Server kind, then client kind.
using Matrix = std::array<std::array<Cell, kKinds>, kKinds>;

/// One loss rate.
struct Tables {
  Matrix direct;
  Matrix relayed;  // with a blind relay at hand; only where nothing else connects
};

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
  void connect(const ServerSite& server, const std::vector<crypto::PublicKey>& relays,
               Instant now) {
    began = now;
    sent_before = peer->host().sent() + server.peer->host().sent();
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    options.relay_through = relays;
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

/// Clients of one kind, one to each of some servers, until all know how it ended.
void run_round(Lab& lab, const std::vector<ServerSite*>& servers, Kind client_kind,
               std::uint32_t key, const std::vector<crypto::PublicKey>& relays,
               const std::vector<Cell*>& cells) {
  std::vector<std::unique_ptr<ClientSite>> clients;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    clients.push_back(
        std::make_unique<ClientSite>(lab, client_kind, key + static_cast<std::uint32_t>(i)));
  }
  lab.world.run_for(60_s);  // servers' budgets for random punches fill up again meanwhile
  for (std::size_t i = 0; i < servers.size(); ++i) {
    clients[i]->connect(*servers[i], relays, lab.world.now());
  }
  const bool all = lab.world.run_until(
      [&] {
        bool decided = true;
        for (std::size_t i = 0; i < servers.size(); ++i) {
          clients[i]->note(*servers[i], *cells[i], lab.world.now());
          decided = decided && clients[i]->noted;
        }
        return decided;
      },
      120_s);
  CHECK(all);
  for (ServerSite* server : servers) server->greeter->sockets.clear();
}

/// All pairs of kinds in one world: the servers stay, and each round another kind of clients comes,
/// one to each of them. Those that no punch brings together come once more, with a relay.
std::uint64_t run_seed(std::uint64_t seed, double loss, Tables& tables) {
  Lab lab(seed);
  lab.world.core().set_loss(loss);
  std::vector<std::unique_ptr<ServerSite>> sites;
  std::vector<ServerSite*> servers;
  for (std::size_t i = 0; i < kKinds; ++i) {
    sites.push_back(std::make_unique<ServerSite>(lab, kAllKinds[i], static_cast<std::uint32_t>(i)));
    servers.push_back(sites.back().get());
  }
  lab.world.run_for(60_s);
  for (std::size_t c = 0; c < kKinds; ++c) {
    std::vector<Cell*> cells;
    for (auto& row : tables.direct) cells.push_back(&row[c]);
    run_round(lab, servers, kAllKinds[c], static_cast<std::uint32_t>(100 + c * kKinds), {}, cells);
  }

  Place data_center = lab.add_place(Kind::kPublic);
  const auto relay_peer = lab.add_peer(data_center, lab.keys(2000));
  hyperdht::RelayNode relay(relay_peer->dht(), {});
  HSFWD_CHECK(relay.listen(lab.keys(2001), [](std::size_t) {}).ok());
  for (std::size_t c = 0; c < kKinds; ++c) {
    if (!is_random(kAllKinds[c])) continue;
    std::vector<ServerSite*> random_servers;
    std::vector<Cell*> cells;
    for (std::size_t s = 0; s < kKinds; ++s) {
      if (!is_random(kAllKinds[s])) continue;
      random_servers.push_back(servers[s]);
      cells.push_back(&tables.relayed[s][c]);
    }
    run_round(lab, random_servers, kAllKinds[c], static_cast<std::uint32_t>(300 + c * kKinds),
              {relay.public_key()}, cells);
  }
  return lab.world.trace_hash();
}

using ByLoss = std::map<int, Tables>;

void print_row(const ByLoss& by_loss, std::size_t s, std::size_t c, Matrix Tables::*table) {
  fmt::print("{:<12} x {:<12}", to_string(kAllKinds[s]), to_string(kAllKinds[c]));
  for (const auto& [loss, tables] : by_loss) {
    const Cell& cell = (tables.*table)[s][c];
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

void print_failures(const ByLoss& by_loss, std::size_t s, std::size_t c, Matrix Tables::*table) {
  for (const auto& [loss, tables] : by_loss) {
    const Cell& cell = (tables.*table)[s][c];
    for (const auto& [verdict, count] : cell.verdicts) {
      fmt::print("{} x {} at {} %: {} x {}\n{}", to_string(kAllKinds[s]), to_string(kAllKinds[c]),
                 loss, count, verdict, cell.a_failure);
    }
  }
}

bool both_random(std::size_t s, std::size_t c) {
  return is_random(kAllKinds[s]) && is_random(kAllKinds[c]);
}

/// Calls it with each pair of kinds.
template <typename F>
void for_each_pair(F&& visit) {
  for (std::size_t s = 0; s < kKinds; ++s) {
    for (std::size_t c = 0; c < kKinds; ++c) visit(s, c);
  }
}

void print(const ByLoss& by_loss) {
  fmt::print(
      "Success, median and 95th percentile of the time to the first byte (s), mean of the "
      "datagrams both sides sent\n{:<12} x {:<12}",
      "server", "client");
  for (const auto& [loss, tables] : by_loss) {
    fmt::print(" | {:<26}", fmt::format("loss {} %, {} seeds", loss, tables.direct[0][0].tries));
  }
  fmt::print("\n");
  for_each_pair([&](auto s, auto c) { print_row(by_loss, s, c, &Tables::direct); });
  fmt::print("with a blind relay:\n");
  for_each_pair([&](auto s, auto c) {
    if (both_random(s, c)) print_row(by_loss, s, c, &Tables::relayed);
  });
  for_each_pair([&](auto s, auto c) {
    print_failures(by_loss, s, c, both_random(s, c) ? &Tables::relayed : &Tables::direct);
  });
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
  Tables tables;
  const std::uint64_t first = run_seed(3, 0.05, tables);
  CHECK(run_seed(3, 0.05, tables) == first);
  CHECK(run_seed(4, 0.05, tables) != first);
}

// JavaScript, measured between network namespaces with the same delays: 0.2 s with a public peer,
// 0.28 s between consistent NATs and up to 2.2 s at 10 % loss, 2.6 to 6.4 s with a random NAT on
// one side, and one such attempt in five fails under loss; 1.4 s through a relay, 3.4 s at 10 %.
TEST_CASE("every kind of NAT against every kind") {
  ByLoss by_loss;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const int loss = seed % 2 == 0 ? 0 : seed % 4 == 1 ? 2 : 10;
    run_seed(static_cast<std::uint64_t>(seed), loss / 100.0, by_loss[loss]);
  }
  print(by_loss);

  const auto calm = [&](Group group) { return pool(by_loss.at(0).direct, group).median(); };
  for (const auto& [loss, tables] : by_loss) {
    CAPTURE(loss);
    const Cell alone = pool(tables.direct, Group::kBothRandom);
    CHECK(alone.first_byte.empty());
    CHECK(Cell::quantile(alone.given_up, 1) < 15_s);
    CHECK(Cell::quantile(alone.given_up, 0.5) < 1_s);
    const Cell relayed = pool(tables.relayed, Group::kBothRandom);
    CHECK(relayed.success() == 1);
    CHECK(relayed.median() < (loss == 10 ? 1500_ms : 700_ms));
    // Both sides together, whatever else they had to say in that time.
    for (const Group group : {Group::kRandomClient, Group::kRandomServer}) {
      const auto sent = pool(tables.direct, group).datagrams;
      CHECK(*std::max_element(sent.begin(), sent.end()) < 4500);
    }
  }

  for (const auto& [loss, tables] : by_loss) {
    CAPTURE(loss);
    for_each_pair([&](auto s, auto c) {
      const Group group = group_of(kAllKinds[s], kAllKinds[c]);
      if (group == Group::kBothRandom) return;
      CAPTURE(to_string(kAllKinds[s]), to_string(kAllKinds[c]));
      const bool chance = group == Group::kRandomClient || group == Group::kRandomServer;
      CHECK(tables.direct[s][c].success() >= (chance ? 0.94 : 1));
      // One side lets in more than it has to: the first punch that may arrive does.
      if (chance && (is_lenient(kAllKinds[s]) || is_lenient(kAllKinds[c]))) {
        CHECK(tables.direct[s][c].median() < 700_ms);
      }
    });
    for (const Group group : {Group::kRandomClient, Group::kRandomServer}) {
      const Cell cell = pool(tables.direct, group);
      CHECK(cell.success() >= 0.99);
      CHECK(cell.median() < 2500_ms);
      CHECK(cell.median() <= calm(group) * 2);
    }
    for (const Group group : {Group::kOpen, Group::kConsistent}) {
      const Cell cell = pool(tables.direct, group);
      CHECK(cell.median() <= (group == Group::kOpen ? 200_ms : 280_ms) * (loss == 10 ? 2 : 1));
      CHECK(cell.median() <= calm(group) * 2);
      CHECK(cell.p95() <= (loss == 0 ? 350_ms : loss == 2 ? 600_ms : 1500_ms));
    }
  }
}
