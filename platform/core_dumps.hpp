// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::platform {

/// From here on a crash writes no image of the memory, which has secret keys in it, nor can other
/// processes of the user look into it; root can. $HSFWD_CORE_DUMPS = 1 leaves both as they are, for
/// who looks for a fault.
void forbid_core_dumps();

}  // namespace hsfwd::platform
