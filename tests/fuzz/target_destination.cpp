// SPDX-License-Identifier: Apache-2.0
// Destinations, and addresses to listen at, as peers ask for them, and rules for them as people write them: what is read
// says what was written, and no rule opens what it must not.
#include "forward/destination_rule.hpp"
#include "forward/listen_permit.hpp"
#include "forward/reverse_forward.hpp"
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

void check_listen(std::string_view text) {
  const auto at = ListenRequest::from_service(text);
  if (!at) return;
  HSFWD_CHECK(ListenRequest::from_service(at->to_service()) == at);
  HSFWD_CHECK(!Destination::from_service(text));
}

void check_listen_permit(const std::string& text) {
  const auto permit = ListenPermit::parse(std::nullopt, text);
  if (!permit) return fuzz::check_one_line(permit.error());
  HSFWD_CHECK(ListenPermit::parse(std::nullopt, permit->to_string()).value() == *permit);
}

void check_reverse(const std::string& text) {
  const auto reverse = ReverseForward::parse(text);
  if (!reverse) return fuzz::check_one_line(reverse.error());
  HSFWD_CHECK(!reverse->target.target.udp && reverse->target.target.to_string().size() > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text({data, size}));
  check_destination(text);
  check_destination("tcp:" + text);
  check_rule(text);
  check_listen(text);
  check_listen("listen:" + text);
  check_listen_permit(text);
  check_reverse(text);
  return 0;
}
