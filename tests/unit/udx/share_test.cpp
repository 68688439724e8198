// SPDX-License-Identifier: Apache-2.0
// The arithmetic of Budget, against a list of what each account holds.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <vector>

#include "sim/random.hpp"
#include "udx/budget.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

TEST_CASE("Budget agrees with a list of what its accounts hold") {
  constexpr std::size_t kWhole = 8 * 1024 * 1024;
  Budget budget(kWhole);
  sim::SeededRandom random(5);
  std::vector<std::unique_ptr<Budget::Account>> accounts;
  std::vector<std::size_t> holds;
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto size = static_cast<std::uint32_t>(accounts.size());
    if (size < 5 || (size < 60 && random.below(20) == 0)) {
      accounts.push_back(std::make_unique<Budget::Account>(budget));
      holds.push_back(0);
    } else if (random.below(20) == 0) {
      const auto at = static_cast<std::ptrdiff_t>(random.below(size));
      accounts.erase(accounts.begin() + at);
      holds.erase(holds.begin() + at);
    } else {
      const std::uint32_t at = random.below(size);
      const std::size_t more = random.below(3) == 0 ? 0 : random.below(400'000);
      accounts[at]->set(more);
      holds[at] = more;
    }
    const auto held = std::accumulate(holds.begin(), holds.end(), std::size_t{0});
    const auto empty = static_cast<std::size_t>(std::count(holds.begin(), holds.end(), 0u));
    const std::size_t holders = holds.size() - empty;
    most = std::max(most, held);
    REQUIRE(budget.held() == held);
    REQUIRE(budget.most_held() == most);
    const std::size_t shared = kWhole / 8 * 7;
    const std::size_t left = shared > held ? shared - held : 0;
    REQUIRE(budget.share() == std::max(Budget::kFloor, left / std::max<std::size_t>(8, holders)));
    const std::uint32_t one = random.below(static_cast<std::uint32_t>(accounts.size()));
    REQUIRE(accounts[one]->held() == holds[one]);
    for (const std::size_t more : {std::size_t{1}, Budget::kFloor, kWhole / 4}) {
      const bool room = holds[one] + more <= Budget::kFloor || held + more <= kWhole;
      REQUIRE(accounts[one]->may_add(more) == room);
    }
  }
  accounts.clear();
  CHECK(budget.held() == 0);
  CHECK(budget.share() == kWhole / 8 * 7 / 8);
}
