// SPDX-License-Identifier: Apache-2.0
#include "ip/mss.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::Fields;

namespace {

Fields syn(bool v6, Bytes options) {
  return {.v6 = v6, .tcp_flags = tcp_flag::kSyn, .options = std::move(options)};
}

/// The packet after clamping.
Bytes clamped(const Fields& fields, std::size_t mtu) {
  Bytes bytes = fields.build();
  const auto packet = Packet::parse(bytes);
  const Bytes before = bytes;
  const bool changed = clamp_mss(*packet, bytes, mtu);
  CHECK(changed == (bytes != before));
  return bytes;
}

}  // namespace

TEST_CASE("the size in a SYN is lowered to what the MTU carries, as if it had been sent so") {
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t flags :
         {tcp_flag::kSyn, std::uint8_t{tcp_flag::kSyn | tcp_flag::kAck}}) {
      Fields fields = syn(v6, {2, 4, 0x05, 0xb4, 1, 1, 4, 2});  // 1460
      Fields wanted = syn(v6, {2, 4, 0, 0, 1, 1, 4, 2});
      fields.tcp_flags = wanted.tcp_flags = flags;
      store_be16(&wanted.options[2], static_cast<std::uint16_t>(1280 - (v6 ? 60 : 40)));
      CHECK(clamped(fields, 1280) == wanted.build());
    }
  }
}

TEST_CASE("a size that fits is left alone") {
  for (const bool v6 : {false, true}) {
    Fields fields = syn(v6, {2, 4, 0x05, 0xb4});
    const std::size_t mtu = 1460 + (v6 ? 60 : 40);
    CHECK(clamped(fields, mtu) == fields.build());
    CHECK(clamped(fields, mtu - 1) != fields.build());
    CHECK(clamped(fields, 65'535) == fields.build());
    // An MTU that carries no segment at all.
    CHECK(clamped(fields, mtu - 1460) == fields.build());
    CHECK(clamped(fields, 0) == fields.build());
  }
}

TEST_CASE("the option may stand at any place, behind any other") {
  for (std::size_t ahead = 0; ahead < 5; ++ahead) {
    Bytes options(ahead, 1);
    if (ahead == 4) options = {3, 3, 7};  // window scale
    append(options, Bytes{2, 4, 0xff, 0xff});
    options.resize((options.size() + 3) / 4 * 4);
    Fields wanted = syn(true, options);
    const std::size_t at = ahead == 4 ? 3 : ahead;
    store_be16(&wanted.options[at + 2], 1220);
    CHECK(clamped(syn(true, options), 1280) == wanted.build());
  }
}

TEST_CASE("only SYNs are changed, and only whole ones") {
  Fields fields = syn(false, {2, 4, 0x05, 0xb4});
  fields.tcp_flags = tcp_flag::kAck;
  CHECK(clamped(fields, 1280) == fields.build());
  fields.tcp_flags = tcp_flag::kSyn;
  fields.fragment = 0x2000;
  CHECK(clamped(fields, 1280) == fields.build());
  fields.protocol = protocol::kUdp;
  fields.fragment = 0;
  CHECK(clamped(fields, 1280) == fields.build());
}

TEST_CASE("options that make no sense end the search") {
  for (const Bytes& options : {Bytes{0, 0, 0, 0, 2, 4, 5, 0xb4},  // behind the end
                               Bytes{9, 0, 1, 1, 2, 4, 5, 0xb4},  // of no length
                               Bytes{9, 1, 1, 1, 2, 4, 5, 0xb4},  // shorter than itself
                               Bytes{9, 9, 1, 1, 2, 4, 5, 0xb4},  // beyond the header
                               Bytes{2, 3, 0xff, 0xff},           // of the wrong length
                               Bytes{1, 1, 1, 2}, Bytes{1, 1, 2, 4}}) {
    const Fields fields = syn(false, options);
    CHECK(clamped(fields, 1280) == fields.build());
  }
}
