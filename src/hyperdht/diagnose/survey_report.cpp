// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/diagnose/survey_report.hpp"

#include <algorithm>

namespace hsfwd::hyperdht {

bool SurveyReport::translated() const {
  return std::none_of(public_hosts.begin(), public_hosts.end(), [this](net::Ipv4 host) {
    return std::any_of(interfaces.begin(), interfaces.end(),
                       [host](const net::Interface& own) { return own.host == host; });
  });
}

const char* describe(const SurveyReport& report) {
  if (!report.online()) {
    return "no DHT node answers: there is no network, or it lets no UDP out";
  }
  switch (report.nat) {
    case Firewall::kOpen:
      return "peers can reach this machine directly";
    case Firewall::kConsistent:
      return report.translated()
                 ? "a NAT that shows the same port to everybody: hole punching works with nearly "
                   "all "
                   "peers"
                 : "a firewall without a NAT: hole punching works with nearly all peers";
    case Firewall::kRandom:
      return "a NAT that shows each peer another port: hole punching works with peers whose NAT "
             "does not do the same; others need a relay";
    case Firewall::kUnknown:
      break;
  }
  return "too few answers to tell what the NAT does";
}

}  // namespace hsfwd::hyperdht
