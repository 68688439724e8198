// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/place_question.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

PathChallenge answer_to(const PathChallenge& question) {
  return {PathChallenge::Kind::kAnswer, question.nonce};
}

}  // namespace

TEST_CASE("an answer counts once, from the place that was asked, to the question of that place") {
  sim::SeededRandom random(1);
  PlaceQuestion question;
  const PlaceQuestion::Place here{nullptr, {net::Ipv4::of(1, 2, 3, 4), 5}};
  const PlaceQuestion::Place there{nullptr, {net::Ipv4::of(1, 2, 3, 4), 6}};
  const Instant start;
  const auto first = question.ask(here, start, random);
  REQUIRE(first);
  CHECK(question.asks(here));
  CHECK_FALSE(question.asks(there));
  CHECK_FALSE(question.is_answered(there, answer_to(*first)));
  CHECK_FALSE(question.is_answered(here, {PathChallenge::Kind::kAnswer, {}}));
  CHECK(question.is_answered(here, answer_to(*first)));
  CHECK_FALSE(question.is_answered(here, answer_to(*first)));
  CHECK_FALSE(question.asks(here));
}

TEST_CASE("a place is asked again with the same question, another with its own, and none at once") {
  sim::SeededRandom random(1);
  PlaceQuestion question;
  const PlaceQuestion::Place here{nullptr, {net::Ipv4::of(1, 2, 3, 4), 5}};
  const PlaceQuestion::Place there{nullptr, {net::Ipv4::of(1, 2, 3, 4), 6}};
  Instant now;
  const auto first = question.ask(here, now, random);
  REQUIRE(first);
  CHECK_FALSE(question.ask(here, now + 50_ms, random));
  CHECK_FALSE(question.ask(there, now + 50_ms, random));
  now = now + 1_s;
  const auto again = question.ask(here, now, random);
  REQUIRE(again);
  CHECK(again->nonce == first->nonce);
  now = now + 1_s;
  const auto other = question.ask(there, now, random);
  REQUIRE(other);
  CHECK_FALSE(other->nonce == first->nonce);
  CHECK_FALSE(question.is_answered(here, answer_to(*first)));
  // Nobody has answered for as long as an answer may take.
  now = now + 3_s;
  const auto late = question.ask(there, now, random);
  REQUIRE(late);
  CHECK_FALSE(late->nonce == other->nonce);
}
