// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/message.hpp"

namespace hsfwd::http {

/// Whether a request names this machine as a browser's user would who means it: by address or as localhost,
/// and on behalf of no other site. A name that somebody else has made lead here (DNS rebinding) is
/// a foreign one, as its pages would read the answers.
bool is_same_site(const Request& request);

}  // namespace hsfwd::http
