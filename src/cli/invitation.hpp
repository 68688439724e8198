// SPDX-License-Identifier: Apache-2.0
// What to type on another machine to reach what is exposed here: lines to copy as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "forward/policy.hpp"
#include "forward/service.hpp"
#include "node/keys.hpp"
#include "node/options.hpp"

namespace hsfwd::cli {

/// One word of a shell's line, in quotes where it needs some.
std::string shell_word(std::string_view text);

/// ` --bootstrap HOST:PORT` for each of a network that is not the public one; empty for that.
std::string bootstrap_words(const std::vector<BootstrapNode>& bootstrap);

struct Invitation {
  std::string connect;
  std::string ssh;        // empty: nothing is at port 22
  std::string hypertele;  // empty: it does not get there
  std::string holesail;   // the same
};

struct Invited {
  PublicKey key;
  const std::vector<forward::Service>& services;
  const forward::Policy& policy;
  const std::vector<BootstrapNode>& bootstrap;
  std::string host_name;      // of this machine, which ssh remembers its key by
  bool own_key_only = false;  // clients have the same identity, whose file is not named here
};
Invitation invitation(const Invited& to);

}  // namespace hsfwd::cli
