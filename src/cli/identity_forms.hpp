// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "platform/identity_file.hpp"

namespace hsfwd::cli {

/// The forms of identities that other programs have, see platform::OtherForms: a holesail connection
/// string `hs://s000...`, which is shared by both sides, and hypertele's files.
Result<platform::Identity, std::string> identity_of_other_form(std::string_view text);

}  // namespace hsfwd::cli
