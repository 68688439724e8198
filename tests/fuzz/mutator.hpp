// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "util/bytes.hpp"
#include "util/random.hpp"

namespace hsfwd::fuzz {

/// A seed with a few things changed that parsers trip over: bits, lengths, counts, cuts, repeats,
/// parts of other seeds. `corpus` is not empty.
Bytes mutate(const std::vector<Bytes>& corpus, Random& random, std::size_t max_size);

}  // namespace hsfwd::fuzz
