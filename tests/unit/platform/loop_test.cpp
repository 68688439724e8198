// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "platform/loop.hpp"
#include "platform/streams.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

TEST_CASE("a loop that is stopped before it has turned once closes its handles all the same") {
  Loop loop;
  const auto streams = make_stream_factory(loop);
  auto listener = streams->listen({.host = "127.0.0.1"}, [](auto) {});
  REQUIRE(listener.ok());
  Task stop(loop.scheduler(), [&] { loop.stop(); });
  stop.post();
  loop.run();
}
