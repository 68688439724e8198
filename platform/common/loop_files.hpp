// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::platform {

/// 0 if the process may open the files that a loop takes, else the error number. libuv ends the
/// process, without a word, when the pipe that comes with the first loop cannot be had.
int probe_for_files();

}  // namespace hsfwd::platform
