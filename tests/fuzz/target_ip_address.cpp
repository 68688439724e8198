// SPDX-License-Identifier: Apache-2.0
// Hosts and networks of IP packets as people write them.
#include "fuzz/input.hpp"
#include "ip/address.hpp"

using namespace hsfwd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  if (const auto host = ip::Ipv6::parse(text)) {
    HSFWD_CHECK(ip::Ipv6::parse(host->to_string()) == host);
    HSFWD_CHECK(host->to_string().size() <= 39 &&
                host->is_mapped() == (ip::Ipv6::mapped(host->ipv4()) == *host));
  }
  if (const auto prefix = ip::Prefix::parse(text); prefix.ok()) {
    HSFWD_CHECK(prefix->contains(prefix->host) && prefix->overlaps(*prefix));
    HSFWD_CHECK(ip::Prefix::around(prefix->host, prefix->bits) == *prefix);
    const auto again = ip::Prefix::parse(prefix->to_string());
    HSFWD_CHECK(again.ok() && *again == *prefix);
  }
  return 0;
}
