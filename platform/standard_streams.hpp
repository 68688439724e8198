// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::platform {

/// Opens the standard descriptors that the program was started without, so that no file or socket of
/// its own gets their numbers: an input at its end, an output that cannot be written to, and an error
/// output that swallows. To be called before anything else is opened.
void fill_standard_streams();

/// Somebody may be typing there.
bool input_is_terminal();

}  // namespace hsfwd::platform
