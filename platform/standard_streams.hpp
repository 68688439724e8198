// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace hsfwd::platform {

/// Opens the standard descriptors that the program was started without, so that no file or socket of
/// its own gets their numbers: an input at its end, an output that cannot be written to, and an error
/// output that swallows. To be called before anything else is opened.
void fill_standard_streams();

/// Somebody may be typing there.
bool input_is_terminal();
bool output_is_terminal();
/// It is a terminal on which more can be done than to write line after line ($TERM).
bool output_is_screen();
/// The same, and nobody has asked for no colours ($NO_COLOR).
bool output_takes_colours();
bool error_is_terminal();

/// How wide lines on standard output may be: as the terminal, else as $COLUMNS says, else 80
/// characters, which a letter or another terminal has.
std::size_t output_width();
/// The same of standard error.
std::size_t error_width();

}  // namespace hsfwd::platform
