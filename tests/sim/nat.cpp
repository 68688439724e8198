// SPDX-License-Identifier: Apache-2.0
#include "sim/nat.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace hsfwd::sim {

namespace {
constexpr std::uint16_t kFirstPort = 1024;
constexpr std::uint32_t kPorts = 65536 - kFirstPort;
constexpr int kTries = 4096;  // at random, before a range counts as used up
}  // namespace

Nat::Nat(World& world, Segment& inside, Segment& outside, std::vector<Ipv4> pool,
         const NatProfile& profile, const LinkProfile& link, std::uint64_t seed)
    : world_(world),
      inside_(inside),
      outside_(outside),
      pool_(std::move(pool)),
      profile_(profile),
      link_(world, *this, link),
      random_(seed),
      next_port_(static_cast<std::uint16_t>(kFirstPort + random_.below(kPorts))) {
  HSFWD_CHECK(!pool_.empty());
  inside_.set_gateway(this);
  attach();
}

Nat::~Nat() {
  detach();
  inside_.set_gateway(nullptr);
}

void Nat::attach() {
  for (const Ipv4 host : pool_) outside_.attach(host, link_);
}

void Nat::detach() {
  for (const Ipv4 host : pool_) outside_.detach(host);
}

void Nat::reboot() {
  by_outer_.clear();
  mappings_.clear();
  pairs_.clear();
}

void Nat::set_pool(std::vector<Ipv4> pool) {
  HSFWD_CHECK(!pool.empty());
  detach();
  pool_ = std::move(pool);
  attach();
  reboot();
}

std::size_t Nat::mappings() const {
  return static_cast<std::size_t>(
      std::count_if(mappings_.begin(), mappings_.end(),
                    [this](const auto& entry) { return entry.second->expires > world_.now(); }));
}

Address Nat::cut(const Address& address, NatBehavior behavior) {
  switch (behavior) {
    case NatBehavior::kEndpointIndependent:
      return {};
    case NatBehavior::kAddressDependent:
      return {address.host, 0};
    case NatBehavior::kAddressAndPortDependent:
      break;
  }
  return address;
}

bool Nat::is_outer(Ipv4 host) const {
  return std::find(pool_.begin(), pool_.end(), host) != pool_.end();
}

// --- Going out ---

void Nat::outbound(Packet packet) {
  if (--packet.ttl <= 0) {
    ++stats_.expired;
    return;
  }
  const bool hairpin = is_outer(packet.to.host);
  if (hairpin && !profile_.hairpin) {
    ++stats_.filtered;
    return;
  }
  Mapping* mapping = mapping_for(packet.from, packet.to);
  if (mapping == nullptr) {
    ++stats_.refused;
    return;
  }
  touch(*mapping, packet.to);
  packet.from = mapping->outer;
  if (hairpin) {
    inbound(std::move(packet));
  } else {
    link_.send_up(std::move(packet), outside_);
  }
}

Nat::Mapping* Nat::mapping_for(const Address& inside, const Address& destination) {
  const Key key{inside, cut(destination, profile_.mapping)};
  if (const auto known = mappings_.find(key); known != mappings_.end()) {
    if (known->second->expires > world_.now()) return known->second.get();
    erase(*known->second);
  }
  if (mappings_.size() >= profile_.max_mappings) drop_expired();
  if (mappings_.size() >= profile_.max_mappings) return nullptr;
  const auto outer = assign(inside, destination);
  if (!outer) return nullptr;
  auto mapping = std::make_unique<Mapping>(Mapping{key, *outer, Instant(), end_of_new(), {}});
  Mapping* const raw = mapping.get();
  mappings_.emplace(key, std::move(mapping));
  by_outer_.emplace(*outer, raw);
  ++stats_.created;
  return raw;
}

Instant Nat::end_of_new() {
  if (profile_.max_age <= Duration()) return Instant::max();
  const auto quarter = static_cast<std::uint32_t>((profile_.max_age / 4).to_millis());
  return world_.now() + profile_.max_age - Duration::millis(quarter) +
         Duration::millis(random_.below(2 * quarter));
}

void Nat::touch(Mapping& mapping, const Address& destination) {
  mapping.expires = std::min(world_.now() + profile_.lifetime, mapping.ends);
  mapping.permitted[cut(destination, profile_.filtering)] = mapping.expires;
}

Ipv4 Nat::outer_host_for(Ipv4 inside) {
  const Ipv4 any = pool_[random_.below(static_cast<std::uint32_t>(pool_.size()))];
  return profile_.paired ? pairs_.try_emplace(inside, any).first->second : any;
}

std::optional<Address> Nat::assign(const Address& inside, const Address& destination) {
  Address outer{outer_host_for(inside.host), inside.port};
  if (profile_.ports == PortAssignment::kSequential) {
    for (std::uint32_t i = 0; i < kPorts; ++i) {
      outer.port = next_port_;
      next_port_ = next_port_ == 65535 ? kFirstPort : static_cast<std::uint16_t>(next_port_ + 1);
      if (is_free(outer, destination)) return outer;
    }
    return std::nullopt;
  }
  const bool preserving = profile_.ports == PortAssignment::kPreserving ||
                          profile_.ports == PortAssignment::kOverloading;
  if (preserving && is_free(outer, destination)) return outer;
  for (int i = 0; i < kTries; ++i) {
    outer.port = static_cast<std::uint16_t>(kFirstPort + random_.below(kPorts));
    if (profile_.ports == PortAssignment::kParity && (outer.port & 1) != (inside.port & 1))
      continue;
    if (is_free(outer, destination)) return outer;
  }
  return std::nullopt;
}

bool Nat::is_free(const Address& outer, const Address& destination) const {
  const auto [first, last] = by_outer_.equal_range(outer);
  return std::none_of(first, last, [&](const auto& entry) {
    const Mapping& other = *entry.second;
    if (other.expires <= world_.now()) return false;
    return profile_.ports != PortAssignment::kOverloading || permits(other, destination);
  });
}

void Nat::drop_expired() {
  for (auto entry = mappings_.begin(); entry != mappings_.end();) {
    Mapping& mapping = *(entry++)->second;
    if (mapping.expires <= world_.now()) erase(mapping);
  }
}

void Nat::erase(Mapping& mapping) {
  const auto [first, last] = by_outer_.equal_range(mapping.outer);
  by_outer_.erase(std::find_if(first, last, [&](const auto& e) { return e.second == &mapping; }));
  mappings_.erase(Key(mapping.key));
}

// --- Coming in ---

void Nat::receive(Packet packet) {
  if (--packet.ttl <= 0) {
    ++stats_.expired;
    return;
  }
  inbound(std::move(packet));
}

bool Nat::permits(const Mapping& mapping, const Address& from) const {
  const auto until = mapping.permitted.find(cut(from, profile_.filtering));
  return until != mapping.permitted.end() && until->second > world_.now();
}

void Nat::inbound(Packet packet) {
  const auto [first, last] = by_outer_.equal_range(packet.to);
  const auto open = std::find_if(first, last, [&](const auto& entry) {
    return entry.second->expires > world_.now() && permits(*entry.second, packet.from);
  });
  if (open == last) {
    ++stats_.filtered;
    return;
  }
  Mapping& mapping = *open->second;
  if (profile_.refresh_by_inbound) touch(mapping, packet.from);
  packet.to = mapping.key.inside;
  inside_.route(std::move(packet), true);
}

}  // namespace hsfwd::sim
