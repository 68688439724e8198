// SPDX-License-Identifier: Apache-2.0
// Destinations as peers ask for them, and rules for them as people write them: what is read says what was
// written, and no rule opens what it must not.
#include "forward/destination_rule.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

void check_destination(std::string_view text) {
  const auto to = Destination::from_service(text);
  if (!to) return;
  HSFWD_CHECK(to->port() > 0 && to->host().size() <= Destination::kMaxName);
  HSFWD_CHECK(to->address().has_value() != is_dns_name(to->host()));
  HSFWD_CHECK(Destination::from_service(to->to_service()) == to);
}

void check_rule(const std::string& text) {
  const auto rule = DestinationRule::parse(text);
  if (!rule) return fuzz::check_one_line(rule.error());
  for (const auto address : {net::Ipv4::of(0, 0, 0, 1), net::Ipv4::of(224, 0, 0, 1),
                             net::Ipv4::of(255, 255, 255, 255)}) {
    HSFWD_CHECK(!rule->covers(*Destination::of("example.org", 80), {.address = address}));
  }
  HSFWD_CHECK(*DestinationRule::parse(rule->text()) == *rule);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text({data, size}));
  check_destination(text);
  check_destination("tcp:" + text);
  check_rule(text);
  return 0;
}
