// SPDX-License-Identifier: Apache-2.0
// Words of the command line: TARGET, -L, PEER, bootstrap nodes, and whole lines of flags.
#include "cli/options.hpp"
#include "crypto/crypto.hpp"
#include "forward/service.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;

namespace {

void check_specs(const std::string& text) {
  const auto service = forward::Service::parse(text);
  if (service) {
    HSFWD_CHECK(service->target.is_unix() || service->target.port != 0);
    // Not every path makes a name.
    const auto again = forward::Service::parse("name=" + service->target.to_string());
    HSFWD_CHECK(again && again->target == service->target);
  } else {
    HSFWD_CHECK(!service.error().empty());
  }
  const auto forward = forward::LocalForward::parse(text);
  if (forward) {
    HSFWD_CHECK(forward->service.empty() || forward::is_service_name(forward->service));
    HSFWD_CHECK(forward->listen.is_unix() || !forward->listen.host.empty());
  } else {
    HSFWD_CHECK(!forward.error().empty());
  }
}

template <class F>
void check_usage(F&& parse) {
  try {
    parse();
  } catch (const cli::UserError& error) {
    HSFWD_CHECK(error.exit_code == cli::kUsage && !error.message.empty());
  }
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // Help, and what may follow, go to standard output.
    if (word != cli::kComplete && word != "--help" && word != "-h" &&
        !word.starts_with("--help=") && !word.starts_with("-h")) {
      out.emplace_back(word);
    }
  }
  return out;
}

void check_line(std::string_view text) {
  cli::CommandLine line("hsfwd test", "A test.");
  line.add_node_options();
  line.add_identity_options();
  line.add_output_options();
  line.positional("words", -1, {});
  if (!line.parse(words_of(text))) return;
  cli::output_options(line);
  cli::node_options(line);
  cli::identity_path(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const std::string text(as_text({data, size}));
  check_specs(text);
  const auto peer = cli::PeerReference::parse(text);
  HSFWD_CHECK(peer || !peer.error().empty());
  check_usage([&] { cli::parse_bootstrap(text); });
  check_usage([&] { check_line(text); });
  return 0;
}
