// SPDX-License-Identifier: Apache-2.0
#include "forward/policy.hpp"

#include <algorithm>
#include <iterator>

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

bool Permit::has_service(std::string_view service) const {
  return std::any_of(services.begin(), services.end(), [&](const std::string& name) {
    return name == kAllServices || name == service;
  });
}

template <class Opens>
bool Policy::permits_any(const crypto::PublicKey& who, Opens&& opens) const {
  return is_named(who) && std::any_of(permits_.begin(), permits_.end(), [&](const Permit& permit) {
           return permit.applies_to(who) && opens(permit);
         });
}

bool Policy::admits(const crypto::PublicKey& who) const {
  if (permits_.empty()) return is_named(who);
  return permits_any(who, [](const Permit&) { return true; }) || !listens_for(who).empty();
}

bool Policy::allows_service(const crypto::PublicKey& who, std::string_view service) const {
  if (permits_.empty()) return is_named(who);
  return permits_any(who, [&](const Permit& permit) { return permit.has_service(service); });
}

bool Policy::may_allow_destination(const crypto::PublicKey& who, const Destination& to) const {
  return permits_any(who,
                     [&](const Permit& permit) { return permit.to && permit.to->may_cover(to); });
}

bool Policy::allows_destination(const crypto::PublicKey& who, const Destination& to,
                                net::Ipv4 address) const {
  return permits_any(
      who, [&](const Permit& permit) { return permit.to && permit.to->covers(to, address); });
}

std::vector<ListenPermit> Policy::listens_for(const crypto::PublicKey& who) const {
  std::vector<ListenPermit> out;
  if (!is_named(who)) return out;
  std::copy_if(listens_.begin(), listens_.end(), std::back_inserter(out),
               [&](const ListenPermit& permit) { return permit.applies_to(who); });
  return out;
}

bool Policy::may_listen(const crypto::PublicKey& who, const ListenRequest& at) const {
  return is_named(who) &&
         std::any_of(listens_.begin(), listens_.end(), [&](const ListenPermit& permit) {
           return permit.applies_to(who) && permit.covers(at);
         });
}

bool Policy::admits_everybody() const {
  if (!keys_.empty()) return false;
  return permits_.empty() || std::any_of(permits_.begin(), permits_.end(),
                                         [](const Permit& permit) { return !permit.who; });
}

}  // namespace hsfwd::forward
