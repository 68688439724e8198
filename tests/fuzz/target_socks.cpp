// SPDX-License-Identifier: Apache-2.0
// What a local program says at a SOCKS address: the same steps and target however it is cut, no byte asked for that
// the message does not have, and an end within a greeting and a request.
#include "forward/socks.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

struct Outcome {
  std::vector<SocksParser::Step> steps;
  std::size_t taken = 0;
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(ByteView bytes, std::size_t at_once) {
  constexpr std::size_t kLongest = 2 + 255 + 4 + 1 + 255 + 2;
  using Step = SocksParser::Step;
  SocksParser parser;
  Outcome out;
  while (out.taken < bytes.size()) {
    const MutableBytes wanted = parser.wanted();
    HSFWD_CHECK(!wanted.empty());
    const std::size_t size = std::min({wanted.size(), at_once, bytes.size() - out.taken});
    copy_bytes(bytes.subspan(out.taken, size), wanted);
    out.taken += size;
    HSFWD_CHECK(out.taken <= kLongest);
    const Step step = parser.take(size);
    if (step == Step::kMore) continue;
    out.steps.push_back(step);
    if (step != Step::kGreeted) break;
  }
  HSFWD_CHECK(out.steps.size() <= 2);
  if (!out.steps.empty() && out.steps.back() == Step::kRequest) {
    out.host = parser.target().host;
    out.port = parser.target().port;
    HSFWD_CHECK(!out.host.empty() && out.port > 0);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const Outcome one = read(bytes, 1);
  Outcome all = read(bytes, bytes.size());
  // A version that is none ends it at once, at whatever byte a read stops.
  if (!one.steps.empty() && one.steps.back() != SocksParser::Step::kRequest) all.taken = one.taken;
  HSFWD_CHECK(one == all);
  return 0;
}
