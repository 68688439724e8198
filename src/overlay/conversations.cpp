// SPDX-License-Identifier: Apache-2.0
#include "overlay/conversations.hpp"

#include <algorithm>

#include "util/check.hpp"
#include "util/hash.hpp"

namespace hsfwd::overlay {

namespace {

Duration idle_time(Step step) {
  switch (step) {
    case Step::kBegin:
    case Step::kEnd:
      return Conversations::kTcpTransitory;
    case Step::kAccept:
    case Step::kGoOn:
      return Conversations::kTcpIdle;
    case Step::kDatagram:
      return Conversations::kUdpIdle;
    case Step::kEcho:
      return Conversations::kEchoIdle;
  }
  HSFWD_CHECK(false);
}

/// Where the conversation is, of what it was and what we send: once it closes, only a new opening
/// opens it.
Step after(Step before, Step step) {
  const bool goes_on = step == Step::kGoOn || step == Step::kAccept;
  return before == Step::kEnd && goes_on ? Step::kEnd : step;
}

}  // namespace

void Conversations::note(const Flow& flow, Step step, Instant now) {
  Index at = find(flow);
  const bool is_old = at != kNone && now <= entries_[at].until;
  const bool begins =
      step != Step::kEnd && step != Step::kAccept && (step != Step::kGoOn || limits_.picks_up);
  if (!is_old && !begins) return;
  if (at == kNone) {
    at = make(flow, now);
  } else {
    leave_order(at);
  }
  Entry& entry = entries_[at];
  entry.step = is_old ? after(entry.step, step) : step;
  entry.until = now + idle_time(entry.step);
  become_newest(at);
}

bool Conversations::contains(const Flow& flow, Instant now) const {
  const Index at = find(flow);
  return at != kNone && now <= entries_[at].until;
}

std::size_t Conversations::place_of(const Flow& flow) const {
  std::uint64_t hash =
      std::uint64_t{flow.our_port} << 32 | std::uint64_t{flow.their_port} << 8 | flow.protocol;
  for (const ip::Ipv6* host : {&flow.ours, &flow.theirs}) {
    hash = mixed(hash ^ load_le64(host->bytes.data()), secret_);
    hash = mixed(hash ^ load_le64(host->bytes.data() + 8), secret_);
  }
  return hash & (places_.size() - 1);
}

Conversations::Index Conversations::find(const Flow& flow) const {
  if (places_.empty()) return kNone;
  Index at = places_[place_of(flow)];
  while (at != kNone && entries_[at].flow != flow) at = entries_[at].next;
  return at;
}

Conversations::Index Conversations::make(const Flow& flow, Instant now) {
  Index at = oldest_;
  if (at != kNone && (entries_.size() == limits_.most || entries_[at].until < now)) {
    leave_place(at);
    leave_order(at);
  } else {
    if (entries_.size() == places_.size()) grow();
    at = static_cast<Index>(entries_.size());
    entries_.emplace_back();
  }
  Index& place = places_[place_of(flow)];
  entries_[at] = Entry{.flow = flow, .next = place};
  place = at;
  return at;
}

void Conversations::grow() {
  const std::size_t size = std::max(kFirstPlaces, places_.size() * 2);
  entries_.reserve(size);
  places_.assign(size, kNone);
  for (Index at = 0; at < entries_.size(); ++at) {
    Index& place = places_[place_of(entries_[at].flow)];
    entries_[at].next = place;
    place = at;
  }
}

void Conversations::leave_place(Index at) {
  Index* link = &places_[place_of(entries_[at].flow)];
  while (*link != at) link = &entries_[*link].next;
  *link = entries_[at].next;
}

void Conversations::leave_order(Index at) {
  const Entry& entry = entries_[at];
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
}

void Conversations::become_newest(Index at) {
  entries_[at].older = newest_;
  entries_[at].newer = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = at;
  newest_ = at;
}

}  // namespace hsfwd::overlay
