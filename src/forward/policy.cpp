// SPDX-License-Identifier: Apache-2.0
#include "forward/policy.hpp"

#include <algorithm>

#include "forward/service.hpp"
#include "util/text.hpp"

namespace hsfwd::forward {

Result<Permit, std::string> Permit::parse(std::optional<crypto::PublicKey> who,
                                          std::string_view what) {
  Permit out{.who = who};
  if (what.find(':') != std::string_view::npos) {
    auto rule = DestinationRule::parse(what);
    if (!rule) return Err(rule.error());
    out.to = std::move(*rule);
    return out;
  }
  for (std::string_view rest = what;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    if (name != kAllServices && !is_service_name(name)) return Err(no_service_name(name));
    out.services.emplace_back(name);
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

Policy::Policy(std::set<crypto::PublicKey> keys, std::vector<Permit> permits,
               std::vector<ListenPermit> listens)
    : keys_(std::move(keys)), permits_(std::move(permits)), listens_(std::move(listens)) {
  const auto rights_of = [this](const std::optional<crypto::PublicKey>& who) -> Rights& {
    if (who) return rights_[*who];
    return everybodys_ ? *everybodys_ : everybodys_.emplace();
  };
  for (const ListenPermit& permit : listens_) rights_of(permit.who).listens.push_back(permit);
  for (const Permit& permit : permits_) {
    Rights& rights = rights_of(permit.who);
    if (permit.to) rights.destinations.push_back(*permit.to);
    for (const std::string& name : permit.services) {
      if (name == Permit::kAllServices) rights.all_services = true;
      rights.services.insert(name);
    }
  }
}

template <class Open>
bool Policy::has_right(const crypto::PublicKey& who, Open&& open) const {
  if (!is_named(who)) return false;
  if (everybodys_ && open(*everybodys_)) return true;
  const auto own = rights_.find(who);
  return own != rights_.end() && open(own->second);
}

bool Policy::admits(const crypto::PublicKey& who) const {
  if (permits_.empty()) return is_named(who);
  return has_right(who, [](const Rights&) { return true; });
}

bool Policy::allows_service(const crypto::PublicKey& who, std::string_view service) const {
  if (permits_.empty()) return is_named(who);
  return has_right(who, [&](const Rights& rights) { return rights.has_service(service); });
}

template <class Opens>
bool Policy::has_rule(const crypto::PublicKey& who, Opens&& opens) const {
  return has_right(who, [&](const Rights& rights) {
    return std::any_of(rights.destinations.begin(), rights.destinations.end(), opens);
  });
}

bool Policy::may_allow_destination(const crypto::PublicKey& who, const Destination& to) const {
  return has_rule(who, [&](const DestinationRule& rule) { return rule.may_cover(to); });
}

bool Policy::allows_destination(const crypto::PublicKey& who, const Destination& to,
                                const net::Place& at) const {
  return has_rule(who, [&](const DestinationRule& rule) { return rule.covers(to, at); });
}

bool Policy::names_destination(const crypto::PublicKey& who, const Destination& to) const {
  return has_rule(who, [&](const DestinationRule& rule) { return rule.names(to); });
}

bool Policy::still_allows(const OpenConnection& connection, net::Vicinity& vicinity,
                          Instant now) const {
  const crypto::PublicKey& who = connection.peer->remote_key();
  if (!connection.destination) return allows_service(who, connection.service);
  if (!connection.address) return may_allow_destination(who, *connection.destination);
  return allows_destination(who, *connection.destination,
                            vicinity.place_of(*connection.address, now));
}

std::vector<ListenPermit> Policy::listens_for(const crypto::PublicKey& who) const {
  std::vector<ListenPermit> out;
  has_right(who, [&](const Rights& rights) {
    out.insert(out.end(), rights.listens.begin(), rights.listens.end());
    return false;
  });
  return out;
}

bool Policy::may_listen(const crypto::PublicKey& who, const ListenRequest& at) const {
  return has_right(who, [&](const Rights& rights) {
    return std::any_of(rights.listens.begin(), rights.listens.end(),
                       [&](const ListenPermit& permit) { return permit.covers(at); });
  });
}

bool Policy::admits_everybody() const {
  if (!keys_.empty()) return false;
  return permits_.empty() || everybodys_;
}

}  // namespace hsfwd::forward
