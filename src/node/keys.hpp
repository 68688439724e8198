// SPDX-License-Identifier: Apache-2.0
// Keys, and how they are written down.
#pragma once

#include "crypto/keys.hpp"
#include "hyperdht/wire/key_text.hpp"

namespace hsfwd {

using crypto::KeyPair;
using crypto::PublicKey;
using crypto::Seed;
using hyperdht::HolesailAddress;
using hyperdht::key_text;
using hyperdht::near_key;
using hyperdht::parse_key;
using hyperdht::without_secrets;

}  // namespace hsfwd
