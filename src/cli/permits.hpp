// SPDX-License-Identifier: Apache-2.0
// Who may reach what of an exposed key, as people write it.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "forward/policy.hpp"
#include "forward/service.hpp"
#include "node/keys.hpp"

namespace hsfwd::cli {

/// A word for a peer; throws UserError where it is none.
using PeerOfWord = std::function<PublicKey(const std::string& word)>;

/// Adds one to `permits`, as far as there may be another. `WHO: WHAT`: WHO a peer or `*`, WHAT as
/// forward::Permit::parse() takes it, given the services that there are and who is let in at all (everybody if
/// that is empty). The error is one clause for people.
Result<void, std::string> add_permit(std::vector<forward::Permit>& permits, std::string_view text,
                                     const PeerOfWord& peer_of,
                                     const std::vector<forward::Service>& services,
                                     const std::set<PublicKey>& allow);

/// The same of `WHO: [BIND:]PORTS`, where this host listens for WHO, as forward::ListenPermit::parse() takes it.
Result<void, std::string> add_permit(std::vector<forward::ListenPermit>& permits,
                                     std::string_view text, const PeerOfWord& peer_of,
                                     const std::set<PublicKey>& allow);

/// Who may connect at all: those of `allow`; where there is nothing but addresses to listen at, those who may.
std::set<PublicKey> let_in(std::set<PublicKey> allow, const std::vector<forward::Service>& services,
                           const std::vector<forward::Permit>& permits,
                           const std::vector<forward::ListenPermit>& listens);

/// `KEY: WHAT`, as status shows it; KEY `*` or hexadecimal digits.
std::vector<std::string> permit_texts(const std::vector<forward::Permit>& permits);
std::vector<std::string> permit_texts(const std::vector<forward::ListenPermit>& listens);
bool opens_destinations(const std::vector<forward::Permit>& permits);

}  // namespace hsfwd::cli
