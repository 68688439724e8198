// SPDX-License-Identifier: Apache-2.0
// Ids, tokens, the routing table, the own address, and what is known of addresses.
#include <algorithm>
#include <set>

#include "hyperdht/nat/holepuncher.hpp"
#include "hyperdht/nat/local_addresses.hpp"
#include "hyperdht/wire/protocol.hpp"
#include "rpc/nat_sampler.hpp"
#include "rpc/routing_table.hpp"
#include "rpc/tokens.hpp"
#include "runner.hpp"
#include "sim/random.hpp"

namespace hsfwd::vectors {

void check_rpc_ids_tokens(const Json& v) {
  const std::string op = v["op"];
  sim::SeededRandom random(1);
  rpc::Tokens tokens(random);
  const auto secret = [](const Json& hex) { return rpc::Tokens::Secret::from(bytes_of(hex)); };
  if (op == "node-id") {
    expect_bytes(rpc::node_id_of(address_of(v["address"])).view(), v["id"], "id");
  } else if (op == "token") {
    tokens.set_secrets({}, secret(v["secret"]));
    const auto host = net::Ipv4::parse(v["host"].get<std::string>());
    expect_bytes(tokens.issue(*host).view(), v["token"], "token");
    expect(tokens.verify(fixed_of<rpc::Token>(v["token"]), *host), "is not accepted");
  } else if (op == "token-rotation") {
    tokens.set_secrets(secret(v["secrets"][0]), secret(v["secrets"][1]));
    for (const Json& after : v["after_each_rotation"]) {
      tokens.rotate();
      expect_bytes(tokens.secret(0).view(), after[0], "previous secret");
      expect_bytes(tokens.secret(1).view(), after[1], "current secret");
    }
  } else {
    throw Unknown(v["op"]);
  }
}

namespace {

std::set<std::string> closest_set(const rpc::RoutingTable& table, const Json& target,
                                  std::size_t count) {
  std::set<std::string> out;
  for (const auto* node : table.closest(fixed_of<rpc::Target>(target), count)) {
    out.insert(node->address.to_string());
  }
  return out;
}

}  // namespace

void check_routing_table(const Json& v) {
  const std::string op = v["op"];
  if (op == "bucket") {
    const rpc::RoutingTable table(fixed_of<rpc::NodeId>(v["self"]));
    const int bucket = table.bucket_index(bytes_of(v["id"]));
    expect(bucket == v["bucket"], "bucket " + std::to_string(bucket));
  } else if (op == "closest") {
    rpc::RoutingTable table(fixed_of<rpc::NodeId>(v["self"]));
    std::set<std::string> refused;
    for (const Json& text : v["nodes"]) {
      const net::Address address = address_of(text);
      const bool added = table.add({.id = rpc::node_id_of(address), .address = address}) != nullptr;
      if (!added) refused.insert(address.to_string());
    }
    expect(refused == v["refused"].get<std::set<std::string>>(),
           "other nodes refused: " + Json(refused).dump());
    const auto got = closest_set(table, v["target"], v["k"]);
    const auto names = v["closest"].get<std::set<std::string>>();
    expect(got == names, "other nodes: " + Json(got).dump());
  } else if (op == "xor-order") {
    const auto target = fixed_of<rpc::Target>(v["target"]);
    std::vector<rpc::NodeId> ids;
    for (const Json& id : v["ids"]) ids.push_back(fixed_of<rpc::NodeId>(id));
    std::sort(ids.begin(), ids.end(),
              [&](const auto& a, const auto& b) { return rpc::closer(target, a, b); });
    for (std::size_t i = 0; i < ids.size(); ++i) {
      expect_bytes(ids[i].view(), v["sorted"][i], "order");
    }
  } else {
    throw Unknown(v["op"]);
  }
}

void check_nat_sampler(const Json& v) {
  if (v["op"] != "nat-sampler") throw Unknown(v["op"]);
  rpc::NatSampler sampler;
  for (std::size_t i = 0; i < v["samples"].size(); ++i) {
    sampler.add(address_of(v["samples"][i]));
    const Json& after = v["after"][i];
    const Json host = sampler.host() ? Json(sampler.host()->to_string()) : Json();
    expect(host == after["host"] && sampler.port() == after["port"],
           "after sample " + std::to_string(i) + ": " + host.dump() + " port " +
               std::to_string(sampler.port()));
  }
}

namespace {

void check_classifier(const Json& v) {
  hyperdht::NatClassifier nat(v["dht_firewalled"].get<bool>());
  const auto verdict = [&] { return static_cast<std::uint64_t>(nat.verdict()); };
  expect(verdict() == v["initial_firewall"], "begins with another verdict");
  for (std::size_t i = 0; i < v["steps"].size(); ++i) {
    const Json& step = v["steps"][i];
    const std::string label = "step " + std::to_string(i);
    if (step["step"] == "freeze") {
      nat.freeze();
    } else if (step["step"] == "unfreeze") {
      nat.unfreeze();
    } else {
      nat.add(address_of(step["to"]), address_of(step["from"]));
    }
    if (step.contains("firewall")) {
      expect(verdict() == step["firewall"],
             label + ": verdict " + hyperdht::to_string(nat.verdict()));
    }
    if (step.contains("sampled")) expect(nat.samples() == step["sampled"], label + ": samples");
    if (step.contains("settles")) expect(nat.settled() == step["settles"], label + ": settled");
    if (!step.contains("addresses")) continue;
    const auto wanted =
        step["addresses"].is_null() ? std::vector<net::Address>() : addresses_of(step["addresses"]);
    expect(nat.addresses() == wanted, label + ": addresses");
  }
}

void check_strategy(const Json& v) {
  static const std::map<hyperdht::PunchStrategy, std::string> kNames = {
      {hyperdht::PunchStrategy::kNone, "none"},
      {hyperdht::PunchStrategy::kConsistent, "consistent"},
      {hyperdht::PunchStrategy::kRandomProbes, "random-probes"},
      {hyperdht::PunchStrategy::kBirthday, "birthday"},
  };
  const auto chosen = hyperdht::choose_strategy(
      static_cast<hyperdht::Firewall>(v["local"].get<std::uint64_t>()),
      static_cast<hyperdht::Firewall>(v["remote"].get<std::uint64_t>()), v["verified"].get<bool>());
  expect(kNames.at(chosen) == v["strategy"], "does " + kNames.at(chosen));
}

}  // namespace

void check_holepunch_nat(const Json& v) {
  const std::string op = v["op"];
  if (op == "match") {
    const auto picked =
        hyperdht::match_lan_address(addresses_of(v["local"]), addresses_of(v["remote"]));
    expect((picked ? Json(picked->to_string()) : Json()) == v["picked"], "picks another");
  } else if (op == "bogon") {
    const auto ip = net::Ipv4::parse(v["ip"].get<std::string>());
    expect(net::is_private(*ip) == v["private"].get<bool>(), "private or not");
    expect(net::is_reserved(*ip) == v["reserved"].get<bool>(), "reserved or not");
    expect(net::is_bogon(*ip) == v["bogon"].get<bool>(), "bogon or not");
  } else if (op == "nat") {
    check_classifier(v);
  } else if (op == "strategy") {
    check_strategy(v);
  } else {
    throw Unknown(v["op"]);
  }
}

}  // namespace hsfwd::vectors
