// SPDX-License-Identifier: Apache-2.0
#include "cli/limits.hpp"

#include "plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {
constexpr std::size_t kMiB = 1024 * 1024;
}

TEST_CASE("limits suit the machine unless they are given") {
  const ResourceLimits usual = resource_limits({}, 16'000 * kMiB);
  CHECK(usual.max_buffered == 256 * kMiB);
  CHECK(usual.admission == forward::Admission::Limits());

  const ResourceLimits small = resource_limits({}, 512 * kMiB);
  CHECK(small.max_buffered == 64 * kMiB);
  CHECK(small.admission.connections == 512);
  CHECK(small.admission.per_key == 384);

  const ResourceLimits tiny = resource_limits({}, 100 * kMiB);
  CHECK(tiny.max_buffered == 32 * kMiB);
  CHECK(tiny.admission.connections == 256);

  const ResourceLimits given =
      resource_limits({.buffered = 40, .connections = 5000, .per_key = 7}, 512 * kMiB);
  CHECK(given.max_buffered == 40 * kMiB);
  CHECK(given.admission.connections == 5000);
  CHECK(given.admission.per_key == 7);
}

TEST_CASE("limits of a file are read, and wrong ones are told with their line") {
  const std::string rest = "\n[[expose]]\nservices = [\"22\"]\n";
  const Plan plan =
      plan_of("max_connections = 100\nmax_connections_per_key = 10\nmax_buffered = 64" + rest);
  CHECK(plan.limits == forward::Admission::Limits{.connections = 100, .per_key = 10});
  CHECK(plan.node.max_buffered == 64 * kMiB);
  for (const char* wrong :
       {"max_connections = 0", "max_connections_per_key = -1", "max_connections_per_key = 2049",
        "max_connections_per_key = 20\nmax_connections = 10", "max_buffered = 31",
        "max_buffered = 9223372036854775807"}) {
    try {
      plan_of(wrong + rest);
      FAIL(wrong);
    } catch (const UserError& error) {
      CHECK(error.exit_code == kBadConfig);
      CHECK(error.message.find("hsfwd.toml:1: max_") == 0);
    }
  }
}
