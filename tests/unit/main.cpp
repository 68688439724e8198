// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "crypto/crypto.hpp"

int main(int argc, char** argv) {
  hsfwd::crypto::initialize();
  return Catch::Session().run(argc, argv);
}
