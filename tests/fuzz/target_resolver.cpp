// SPDX-License-Identifier: Apache-2.0
// DNS queries, as they come in one datagram.
#include "fuzz/input.hpp"
#include "resolver/responder.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::resolver;

namespace {

const Responder& responder() {
  static const Responder kResponder(
      NameTable({{.name = "home",
                  .key = to_z32(Bytes(32, 0x11)),
                  .ipv6 = *ip::Ipv6::parse("fdae:7d21:d73d::1:2"),
                  .ipv4 = ip::Ipv6::mapped(0x0af60102)}}),
      {*ip::Prefix::parse("fdae:7d21:d73d::/48"), *ip::Prefix::parse("10.240.0.0/12")});
  return kResponder;
}

void check_answer(ByteView query, const Bytes& answer) {
  HSFWD_CHECK(answer.size() >= kHeaderSize && answer.size() <= kMaxAnswer);
  HSFWD_CHECK(equal(ByteView(answer).first(2), query.first(2)));
  HSFWD_CHECK((answer[2] & 0x80) != 0 && (answer[2] & 0x02) == 0);
  // Nobody answers it.
  HSFWD_CHECK(responder().answer(answer).empty());
  const auto parsed = Query::parse(query);
  HSFWD_CHECK(parsed.ok() == (answer[5] == 1));
  if (!parsed) return;
  HSFWD_CHECK(
      equal(ByteView(answer).subspan(kHeaderSize, parsed->question.size()), parsed->question));
  HSFWD_CHECK(parsed->edns.has_value() == (answer[11] == 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const Bytes answer = responder().answer(bytes);
  if (!answer.empty()) check_answer(bytes, answer);
  return 0;
}
