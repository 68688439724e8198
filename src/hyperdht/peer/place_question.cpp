// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/place_question.hpp"

namespace hsfwd::hyperdht {

namespace {
// Anybody can have a place asked, by a packet that seems to be the peer's.
constexpr Duration kBetweenQuestions = 100_ms;
// An answer may take as long.
constexpr Duration kQuestionTime = 3_s;
}  // namespace

std::optional<PathChallenge> PlaceQuestion::ask(const Place& place, Instant now, Random& random) {
  if (place_ && now < asked_ + kBetweenQuestions) return std::nullopt;
  asked_ = now;
  if (place_ != place || now >= began_ + kQuestionTime) {
    place_ = place;
    began_ = now;
    nonce_ = random.fixed<PathChallenge::Nonce>();
  }
  return PathChallenge{PathChallenge::Kind::kQuestion, nonce_};
}

bool PlaceQuestion::is_answered(const Place& from, const PathChallenge& answer) {
  if (place_ != from || answer.nonce != nonce_) return false;
  place_.reset();
  return true;
}

}  // namespace hsfwd::hyperdht
