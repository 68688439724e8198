// SPDX-License-Identifier: Apache-2.0
// All events but what they say of tunnels of a kind, which stands with the kind. README documents
// each field, and a test compares.
#pragma once

#include <tuple>

#include "cli/events/answers.hpp"
#include "cli/events/attempts.hpp"
#include "cli/events/connections.hpp"
#include "cli/events/diagnosis.hpp"
#include "cli/events/names.hpp"
#include "cli/events/nodes.hpp"
#include "cli/events/notices.hpp"
#include "cli/events/probes.hpp"
#include "cli/events/tunnels.hpp"

namespace hsfwd::cli::events {

using All = std::tuple<Listening, TunnelReady, SocksReady, WebReady, PageReady, ReverseReady,
                       ReverseListening, NetworkReady, NetworkPeer, NodeReady, Relaying,
                       TestnetReady, Valid, Warning, Connection, Moved, Dropped, Closed, Oversized,
                       Status, Peers, Reloaded, Down, Identity, Named, Unnamed, Names, Tested,
                       Found, PingConnection, Pong, Direct, Silence, Statistics, Attempt, Attempts,
                       Verdict, Netcheck, Waiting, Report, Error>;

}  // namespace hsfwd::cli::events
