// SPDX-License-Identifier: Apache-2.0
#include "overlay/conversations.hpp"

#include <catch2/catch.hpp>
#include <list>
#include <optional>
#include <vector>

#include "sim/random.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

constexpr std::uint64_t kSecret = 0x1234567;

Flow flow(std::uint32_t n) {
  return {.ours = ip::Ipv6::mapped(1),
          .theirs = ip::Ipv6::mapped(2),
          .our_port = static_cast<std::uint16_t>(n),
          .their_port = static_cast<std::uint16_t>(n >> 16),
          .protocol = 17};
}

Instant at(Duration time) {
  return Instant() + time;
}

/// A list that is searched from end to end, in the order of what was noted last.
struct FlowList {
  struct Entry {
    Flow flow;
    Step step;
    Instant until;
  };
  std::list<Entry> entries;

  void note(const Flow& noted, Step step, Instant now) {
    std::optional<Step> before;
    for (const Entry& entry : entries) {
      if (entry.flow == noted && entry.until >= now) before = entry.step;
    }
    const bool begins = step != Step::kGoOn && step != Step::kEnd;
    if (!before && !begins) return;
    if (before == Step::kEnd && step == Step::kGoOn) step = Step::kEnd;
    entries.remove_if([&](const Entry& entry) { return entry.flow == noted; });
    const Duration idle = step == Step::kGoOn       ? Duration::seconds(124 * 60)
                          : step == Step::kDatagram ? Duration::seconds(300)
                          : step == Step::kEcho     ? Duration::seconds(60)
                                                    : Duration::seconds(240);
    entries.push_back({noted, step, now + idle});
    if (entries.size() > ConversationLimits{}.most) entries.pop_front();
  }
  bool contains(const Flow& asked, Instant now) const {
    for (const Entry& entry : entries) {
      if (entry.flow == asked) return now <= entry.until;
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a conversation is what its packets say, and ends when this host has been silent") {
  struct Row {
    std::vector<Step> steps;
    Duration lasts;
  };
  const Row rows[] = {{{Step::kDatagram}, 5_min},
                      {{Step::kEcho}, 60_s},
                      {{Step::kBegin}, 4_min},
                      {{Step::kBegin, Step::kGoOn}, 124_min},
                      {{Step::kBegin, Step::kGoOn, Step::kEnd}, 4_min},
                      {{Step::kBegin, Step::kGoOn, Step::kEnd, Step::kGoOn}, 4_min},
                      {{Step::kBegin, Step::kEnd, Step::kBegin, Step::kGoOn}, 124_min}};
  for (const Row& row : rows) {
    Conversations conversations(kSecret);
    for (const Step step : row.steps) conversations.note(flow(1), step, at(1_h));
    CHECK(conversations.contains(flow(1), at(1_h) + row.lasts));
    CHECK(!conversations.contains(flow(1), at(1_h) + row.lasts + 1_us));
    CHECK(!conversations.contains(flow(2), at(1_h)));
  }
}

TEST_CASE("a TCP packet that opens nothing begins no conversation, and revives none") {
  Conversations conversations(kSecret);
  conversations.note(flow(1), Step::kGoOn, at(0_s));
  conversations.note(flow(1), Step::kEnd, at(0_s));
  CHECK(!conversations.contains(flow(1), at(0_s)));
  conversations.note(flow(1), Step::kBegin, at(0_s));
  conversations.note(flow(1), Step::kGoOn, at(5_min));
  CHECK(!conversations.contains(flow(1), at(5_min)));
}

TEST_CASE(
    "where nobody else begins any, TCP that goes on is taken up, and what answers an opening is "
    "not") {
  Conversations conversations(1, {.most = 8, .picks_up = true});
  conversations.note(flow(1), Step::kAccept, at(0_s));
  conversations.note(flow(2), Step::kEnd, at(0_s));
  CHECK_FALSE(conversations.contains(flow(1), at(0_s)));
  CHECK_FALSE(conversations.contains(flow(2), at(0_s)));
  conversations.note(flow(3), Step::kGoOn, at(0_s));
  CHECK(conversations.contains(flow(3), at(0_s)));
  for (std::uint32_t i = 10; i < 20; ++i) conversations.note(flow(i), Step::kDatagram, at(1_s));
  CHECK(conversations.size() == 8);
}

TEST_CASE("every part of a flow tells it from others") {
  const Flow one = flow(0x20001);
  Flow others[] = {one, one, one, one, one};
  others[0].ours.bytes[0] = 1;
  others[1].theirs.bytes[15] = 9;
  others[2].our_port = 7;
  others[3].their_port = 7;
  others[4].protocol = 6;
  Conversations conversations(kSecret);
  conversations.note(one, Step::kDatagram, at(0_s));
  for (const Flow& other : others) CHECK(!conversations.contains(other, at(0_s)));
}

TEST_CASE("of too many conversations the one that was silent longest is forgotten") {
  Conversations conversations(kSecret);
  for (std::uint32_t i = 0; i < ConversationLimits{}.most; ++i) {
    conversations.note(flow(i), Step::kDatagram, at(0_s));
  }
  conversations.note(flow(0), Step::kDatagram, at(1_s));
  conversations.note(flow(ConversationLimits{}.most), Step::kDatagram, at(1_s));
  CHECK(conversations.size() == ConversationLimits{}.most);
  CHECK(conversations.contains(flow(0), at(1_s)));
  CHECK(!conversations.contains(flow(1), at(1_s)));
  CHECK(conversations.contains(flow(2), at(1_s)));
}

TEST_CASE("what is over makes room before the table grows") {
  Conversations conversations(kSecret);
  for (std::uint32_t i = 0; i < 100000; ++i) {
    conversations.note(flow(i), Step::kEcho, at(Duration::seconds(i)));
  }
  CHECK(conversations.size() <= 64);
}

TEST_CASE("conversations are as a plain list has them") {
  sim::SeededRandom random(3);
  Conversations conversations(kSecret);
  FlowList model;
  Instant now;
  constexpr Step kSteps[] = {Step::kBegin, Step::kGoOn, Step::kEnd, Step::kDatagram, Step::kEcho};
  for (int i = 0; i < flood(200000); ++i) {
    now = now + Duration::millis(random.below(400));
    // Far more than there is room for once in a while.
    const std::uint32_t range = i / flood(20000) % 3 == 0 ? 10000 : 60;
    const Flow which = flow(random.below(range));
    if (range == 60 || i % 20 == 0) {
      REQUIRE(conversations.contains(which, now) == model.contains(which, now));
    }
    if (range == 60) {
      const Step step = kSteps[random.below(5)];
      conversations.note(which, step, now);
      model.note(which, step, now);
    } else if (i % 20 == 0) {
      conversations.note(which, Step::kDatagram, now);
      model.note(which, Step::kDatagram, now);
    }
  }
}
