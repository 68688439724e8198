// SPDX-License-Identifier: Apache-2.0
// Two hosts and a relay between them.
#pragma once

#include <memory>

#include "pair.hpp"

namespace hsfwd::udx {

struct LegEnd : RelayLegObserver {
  bool accept_path(net::UdpSocket&, net::Address) override { return true; }
  bool allow_forward(std::size_t) override { return allow; }
  void on_closed() override { closed = true; }

  std::unique_ptr<RelayLeg> leg;
  bool allow = true;
  bool closed = false;
};

/// Two streams that run through a relay.
struct Relayed {
  explicit Relayed(std::uint64_t seed)
      : world(seed),
        a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1))),
        b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2))),
        r_node(world.add_host(net::Ipv4::of(52, 0, 0, 3))),
        a_direct(a_node.open()),
        b_direct(b_node.open()) {
    a.stream = a_node.mux_.create_stream(a);
    b.stream = b_node.mux_.create_stream(b);
    leg_a.leg = r_node.mux_.create_leg(leg_a);
    leg_b.leg = r_node.mux_.create_leg(leg_b);
    RelayLeg::join(*leg_a.leg, *leg_b.leg);
    a.stream->connect(*a_node.socket_, leg_a.leg->id(), r_node.address());
    b.stream->connect(*b_node.socket_, leg_b.leg->id(), r_node.address());
    leg_a.leg->connect(*r_node.socket_, a.stream->id(), a_node.address());
    leg_b.leg->connect(*r_node.socket_, b.stream->id(), b_node.address());
  }
  ~Relayed() {
    a_node.mux_.forget_socket(*a_direct);
    b_node.mux_.forget_socket(*b_direct);
  }
  void move_a() {
    a.stream->change_remote(*a_direct, b.stream->id(),
                            {b_node.host_.address(), b_direct->local_address().port});
  }
  void move_b() {
    b.stream->change_remote(*b_direct, a.stream->id(),
                            {a_node.host_.address(), a_direct->local_address().port});
  }

  sim::World world;
  Node a_node, b_node, r_node;
  std::unique_ptr<net::UdpSocket> a_direct, b_direct;
  Recorder a, b;
  LegEnd leg_a, leg_b;
};

}  // namespace hsfwd::udx
