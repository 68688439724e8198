// SPDX-License-Identifier: Apache-2.0
// A configuration file, from its text to a plan. A mistake names file and line, on one line.
#include "cli/plan.hpp"
#include "crypto/crypto.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const auto config = cli::parse_config(std::string(as_text({data, size})), "file.toml");
  if (!config) {
    const std::string text = config.error().to_string();
    fuzz::check_one_line(text);
    HSFWD_CHECK(text.starts_with("file.toml:") && config.error().line > 0);
    return 0;
  }
  try {
    const cli::Plan plan = cli::make_plan(*config, "file.toml");
    HSFWD_CHECK(!plan.tunnels.empty());
  } catch (const cli::UserError& error) {
    fuzz::check_one_line(error.message);
    HSFWD_CHECK(error.exit_code == cli::kBadConfig && error.message.starts_with("file.toml:"));
  }
  return 0;
}
