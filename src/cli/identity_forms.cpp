// SPDX-License-Identifier: Apache-2.0
#include "cli/identity_forms.hpp"

#include "cli/hypertele_file.hpp"
#include "node/keys.hpp"

namespace hsfwd::cli {

using platform::Identity;

namespace {
constexpr std::size_t kShortestString = 9 + 32;  // what holesail makes has 64 behind its hs://s000
}

Result<Identity, std::string> identity_of_other_form(std::string_view text) {
  if (const auto address = HolesailAddress::parse(text)) {
    if (!address->shared_identity) return Err(std::string("is a public key, not a secret one"));
    if (text.size() < kShortestString) {
      return Err(std::string("is a connection string whose secret has fewer than 32 characters"));
    }
    return Identity{.keys = *address->shared_identity, .access = Identity::Access::kShared};
  }
  if (!HyperteleFile::is_meant(text)) {
    return Err(std::string("is not 64 hexadecimal digits"));
  }
  const auto file = HyperteleFile::parse(text);
  if (!file) return Err(file.error());
  if (!file->keys) return Err(std::string("has no seed, and no secretKey"));
  return Identity{.keys = *file->keys,
                  .access = file->allow ? Identity::Access::kListed : Identity::Access::kUnsaid};
}

}  // namespace hsfwd::cli
