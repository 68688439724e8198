// SPDX-License-Identifier: Apache-2.0
// Messages beside the stream under keys of the secret: each opens once.
#include <catch2/catch.hpp>
#include <set>

#include "fuzz/session.hpp"
#include "secret_stream/unordered.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

constexpr std::uint64_t kSize = ReplayWindow::kSize;
constexpr std::uint64_t kMax = UINT64_MAX;

struct Sides {
  Unordered make(const noise::Session& session, Unordered::Keys keys) {
    return {session, random, keys};
  }
  fuzz::Sessions sessions;
  sim::SeededRandom random{1};
  Unordered client = make(sessions.initiator, Unordered::Keys::kOfSecret);
  Unordered server = make(sessions.responder, Unordered::Keys::kOfSecret);
};

std::uint64_t counter_of(const Bytes& envelope) {
  return load_le64(envelope.data());
}

}  // namespace

TEST_CASE("a counter is taken once, in whatever order they come") {
  ReplayWindow window;
  for (const std::uint64_t counter : {3, 0, 1, 2, 64, 63, 65}) {
    CHECK(window.take(counter));
    CHECK(!window.take(counter));
  }
  CHECK(!window.take(3));
}

TEST_CASE("as far below the highest as the window reaches, and no further") {
  // At every place that the highest can have in its word.
  for (std::uint64_t highest = 100'000; highest < 100'000 + 64; ++highest) {
    ReplayWindow window;
    REQUIRE(window.take(highest));
    CHECK(!window.take(highest - kSize));
    CHECK(window.take(highest - kSize + 1));
    CHECK(!window.take(highest - kSize + 1));
    CHECK(!window.take(0));
  }
}

TEST_CASE("what a jump ahead leaves behind is forgotten, and what it does not is remembered") {
  ReplayWindow window;
  for (std::uint64_t counter = 0; counter < 2 * kSize; ++counter) REQUIRE(window.take(counter));
  REQUIRE(window.take(2 * kSize + 100));
  // Between the two nothing came yet.
  for (std::uint64_t counter = 2 * kSize; counter < 2 * kSize + 100; ++counter) {
    REQUIRE(window.take(counter));
  }
  CHECK(!window.take(2 * kSize - 1));
  CHECK(!window.take(kSize + 101));
  // A whole window ahead nothing is known any more, and all of it can still come.
  REQUIRE(window.take(10 * kSize));
  for (std::uint64_t counter = 9 * kSize + 1; counter < 10 * kSize; ++counter) {
    REQUIRE(window.take(counter));
  }
  CHECK(!window.take(9 * kSize));
}

TEST_CASE("the window agrees with a list of all that came, for any order") {
  sim::SeededRandom random(7);
  ReplayWindow window;
  std::set<std::uint64_t> seen;
  std::uint64_t highest = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint32_t kind = random.below(100);
    const std::uint64_t ahead = kind < 2 ? random.below(3 * kSize) : random.below(40);
    const std::uint64_t behind = random.below(kind < 20 ? 2 * kSize : 200);
    const std::uint64_t counter =
        kind < 50 ? highest + ahead : highest - std::min<std::uint64_t>(highest, behind);
    highest = std::max(highest, counter);
    const bool in_reach = highest - counter < kSize;
    REQUIRE(window.take(counter) == (in_reach && seen.insert(counter).second));
  }
}

TEST_CASE("the highest counters that there are come once as well") {
  ReplayWindow window;
  for (const std::uint64_t counter : {kMax, kMax - 1, kMax - kSize + 1}) {
    CHECK(window.take(counter));
    CHECK(!window.take(counter));
  }
  CHECK(!window.take(kMax - kSize));
  CHECK(!window.take(0));
}

TEST_CASE("a message under a secret key opens once, and counters begin at 0") {
  Sides line;
  const auto first = line.client.seal(as_bytes("first"));
  const auto second = line.client.seal(as_bytes("second"));
  CHECK(counter_of(*first) == 0);
  CHECK(counter_of(*second) == 1);
  CHECK(as_text(*line.server.open(*second)) == "second");
  CHECK(as_text(*line.server.open(*first)) == "first");
  CHECK(line.server.open(*first).error() == Errc::kRefused);
  CHECK(line.server.open(*second).error() == Errc::kRefused);
  // Not by who sent it either.
  CHECK(line.client.open(*first).error() == Errc::kAuthentication);
}

TEST_CASE("a forged message with a counter far ahead shuts nobody out") {
  Sides line;
  Bytes forged = *line.client.seal(as_bytes("true"));
  store_le64(forged.data(), 1'000'000);
  CHECK(line.server.open(forged).error() == Errc::kAuthentication);
  CHECK(line.server.open(*line.client.seal({})).ok());
}

TEST_CASE("counters do not begin anew") {
  Sides line;
  line.client.set_counter(kMax - 1);
  REQUIRE(line.client.seal({}));
  CHECK(!line.client.seal({}));
  CHECK(!line.client.seal({}));
}

TEST_CASE("who knows the handshake's hash and not its secret reads and forges nothing") {
  Sides line;
  noise::Session observer = line.sessions.responder;
  observer.tx = observer.rx = observer.exporter = crypto::Key32();
  for (const auto keys : {Unordered::Keys::kOfHash, Unordered::Keys::kOfSecret}) {
    Unordered spy = line.make(observer, keys);
    CHECK(!spy.open(*line.client.seal(as_bytes("service web: Connection refused"))).ok());
    CHECK(!line.client.open(*spy.seal(as_bytes("forged"))).ok());
  }
}
