// SPDX-License-Identifier: Apache-2.0
// What a file asks of a private network and does not get, or not as it looks.
#include "cli/tun_kind.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <fstream>

#include "plans.hpp"
#include "platform/identity_file.hpp"
#include "unit/platform/scratch.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kHomeKey = "8cc4iq8ei1uptd6fsfdbw7wzxt1by1w4iz8fjaqpfm5m3gf1hrgo";

}  // namespace
