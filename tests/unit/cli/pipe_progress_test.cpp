// SPDX-License-Identifier: Apache-2.0
#include "cli/pipe_progress.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;

TEST_CASE("progress says bytes, the rate of the time between, and the path") {
  const PipeProgress::State before{{.to_peer = 1000, .from_peer = 1'000'000}, "relayed"};
  const PipeProgress::State now{{.to_peer = 1000, .from_peer = 21'000'000}, "direct"};
  CHECK(PipeProgress::text(now, before, 10_s) ==
        "21.0 MB from the peer, 2.0 MB/s; 1.0 kB to it, 0 B/s; direct");
  CHECK(PipeProgress::text(now, now, Duration()) ==
        "21.0 MB from the peer, 0 B/s; 1.0 kB to it, 0 B/s; direct");
  CHECK(PipeProgress::summary(now, 2_s) ==
        "21.0 MB from the peer, 1.0 kB to it, in 2.0 s (10.5 MB/s); direct");
}
