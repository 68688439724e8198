// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>

#include "cli/commands.hpp"
#include "cli/events/names.hpp"
#include "cli/invitation.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/qr_code.hpp"
#include "node/key_address.hpp"
#include "platform/clock.hpp"
#include "platform/identity_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// The options that lead to the same identity in another command.
std::string identity_words(const CommandLine& line) {
  std::string out;
  for (const char* option : {"identity", "name"}) {
    if (line.has(option)) out += fmt::format(" --{} {}", option, shell_word(line.text(option)));
  }
  return out;
}

}  // namespace

int run_keygen(const Arguments& arguments) {
  CommandLine line(
      "hsfwd keygen [--identity FILE | --name N] [OPTION...]",
      "Prints the public key of an identity, and creates the identity if it does not exist.");
  line.options().add_options()("qr", po::bool_switch(), "also show the key as a QR code");
  line.add_identity_options();
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const Output output(output_options(line).json);
  const std::string path = identity_path(line);
  platform::SystemRandom random;
  const platform::Identity identity = require_identity(path, random);
  const PublicKey& key = identity.keys.public_key;
  // Standard output is the key alone, for scripts.
  if (!output.json() && !line.flag("quiet")) {
    output.note("its address in a network: " + ip::host_text(key_address(key)));
    output.note(
        fmt::format("to publish a service under it: hsfwd expose PORT{}", identity_words(line)));
  }
  output.event(events::Identity{to_hex(key.view()), key_text(key), path, identity.created,
                                ip::host_text(key_address(key))},
               key_text(key));
  if (line.flag("qr") && !output.json()) draw_qr(output, key_text(key));
  return kDone;
}

}  // namespace hsfwd::cli
