// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/nat/endpoint.hpp"
#include "hyperdht/nat/own_addresses.hpp"
#include "hyperdht/nat/punch_budget.hpp"
#include "hyperdht/nat/punch_limits.hpp"
#include "hyperdht/nat/stamp_clock.hpp"
#include "hyperdht/store/router.hpp"
#include "net/env.hpp"
#include "rpc/node.hpp"

namespace hsfwd::hyperdht {

class MappingWatch;
class Outcomes;
class SharedPunchSocket;

/// What one node has once, for all who connect, listen and punch. Whoever puts a node together owns
/// these and the context; both outlive what was given it.
struct Context {
  const net::Env& env;
  rpc::Node& node;
  Endpoint& endpoint;
  Router& router;
  OwnAddresses& addresses;
  SharedPunchSocket& punch_socket;
  MappingWatch& mappings;
  PunchBudget& punch_budget;
  PunchLimits& punch_limits;
  StampClock& stamps;
  Outcomes& outcomes;
};

}  // namespace hsfwd::hyperdht
