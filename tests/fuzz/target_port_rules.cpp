// SPDX-License-Identifier: Apache-2.0
// Rules for ports as people write them: a rule that says what was written, or one line about what is wrong.
#include "fuzz/input.hpp"
#include "overlay/port_rules.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

std::string text_of(const PortRule& rule) {
  switch (rule.traffic) {
    case PortRule::Traffic::kAny:
      return "*";
    case PortRule::Traffic::kPing:
      return "icmp";
    case PortRule::Traffic::kTcp:
    case PortRule::Traffic::kUdp:
      break;
  }
  const std::string ports = rule.first == 0 ? "*"
                            : rule.first == rule.last
                                ? std::to_string(rule.first)
                                : std::to_string(rule.first) + "-" + std::to_string(rule.last);
  return (rule.traffic == PortRule::Traffic::kTcp ? "tcp:" : "udp:") + ports;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text({data, size}));
  const auto rule = PortRule::parse(text);
  if (!rule) {
    fuzz::check_one_line(rule.error());
    return 0;
  }
  HSFWD_CHECK(rule->first <= rule->last);
  HSFWD_CHECK(*PortRule::parse(text_of(*rule)) == *rule);
  return 0;
}
