// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "util/bytes.hpp"

namespace hsfwd::fuzz {

/// Inputs to begin with:
///
///   blobs        every byte string of the golden vectors
///   transcripts  those of each vector in their order, as { 0 | length u16 | bytes }
///   texts        every other string of the vectors, and forms of the command line
///   configs      configuration files
///   punches      what a liar says in a hole punch, see target_punch.cpp
///   ip           IP packets behind an MTU, reads of a TUN device, see target_ip_*.cpp
///   control      lines on the control socket, either way
///   other_tools  holesail's record, files of hypertele's
///   queries      DNS queries, bare and behind their length
///
/// Empty for any other name.
std::vector<Bytes> seeds(std::string_view corpus);

}  // namespace hsfwd::fuzz
