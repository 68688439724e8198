// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hsfwd::cli {

using Arguments = std::vector<std::string>;

// One file each. They return the exit code and throw UserError.
int run_expose(const Arguments& arguments);
int run_connect(const Arguments& arguments);
int run_pipe(const Arguments& arguments);
int run_run(const Arguments& arguments);
int run_tun(const Arguments& arguments);
int run_up(const Arguments& arguments);
int run_check(const Arguments& arguments);
int run_status(const Arguments& arguments);
int run_peers(const Arguments& arguments);
int run_page(const Arguments& arguments);
int run_reload(const Arguments& arguments);
int run_down(const Arguments& arguments);
int run_keygen(const Arguments& arguments);
int run_lookup(const Arguments& arguments);
int run_ping(const Arguments& arguments);
int run_why(const Arguments& arguments);
int run_netcheck(const Arguments& arguments);
int run_report(const Arguments& arguments);
int run_node(const Arguments& arguments);
int run_testnet(const Arguments& arguments);

}  // namespace hsfwd::cli
