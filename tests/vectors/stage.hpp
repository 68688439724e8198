// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <vector>

#include "net/env.hpp"
#include "sim/random.hpp"

namespace hsfwd::vectors {

/// A world that consists of sockets only: what is sent is written down, what arrives is handed in,
/// and time stands still until it is moved.
class Stage : public net::UdpFactory,
              public net::Interfaces,
              public net::Resolver,
              public net::WallClock {
 public:
  struct Sent {
    std::uint16_t port;  // of the socket
    net::Address to;
    Bytes bytes;
    int ttl;
  };

  explicit Stage(std::uint64_t seed = 1) : random_(seed) {
    scheduler_.freeze(Instant::from_micros(1'000'000'000));
  }

  net::Env env() { return {scheduler_, *this, random_, *this, *this, *this, Log()}; }
  Scheduler& scheduler() { return scheduler_; }
  Random& random() { return random_; }

  /// Everything sent since the last call.
  std::vector<Sent> take_sent() { return std::exchange(sent_, {}); }
  const std::vector<Sent>& sent() const { return sent_; }

  void advance(Duration duration) { scheduler_.advance_to(scheduler_.now() + duration); }
  /// Runs what was posted, at the present instant.
  void settle() { scheduler_.advance_to(scheduler_.now()); }

  Result<std::unique_ptr<net::UdpSocket>> bind(net::Address local, net::UdpObserver&) override {
    if (local.port == 0) local.port = next_port_++;
    return std::unique_ptr<net::UdpSocket>(std::make_unique<Socket>(*this, local));
  }
  Result<std::unique_ptr<net::UdpSocket>, std::string> bind_for_programs(net::Address,
                                                                         net::UdpObserver&,
                                                                         net::UdpLoad) override {
    return Err(std::string("no programs here"));
  }
  std::vector<net::Interface> list() override { return {}; }
  std::unique_ptr<net::Lookup> resolve(const std::string&, Done) override { return nullptr; }
  std::uint64_t unix_millis() override { return unix_millis_; }
  void set_unix_millis(std::uint64_t now) { unix_millis_ = now; }

 private:
  class Socket final : public net::UdpSocket {
   public:
    Socket(Stage& stage, net::Address local) : stage_(stage), local_(local) {}
    void cancel() override {}
    net::Address local_address() const override { return local_; }
    std::size_t send(std::span<const net::OutboundDatagram> batch) override {
      for (const auto& datagram : batch) {
        Sent sent{local_.port, datagram.to, {}, datagram.ttl};
        for (const ByteView part : datagram.parts) append(sent.bytes, part);
        stage_.sent_.push_back(std::move(sent));
      }
      return batch.size();
    }

   private:
    Stage& stage_;
    const net::Address local_;
  };

  Scheduler scheduler_;
  sim::SeededRandom random_;
  std::vector<Sent> sent_;
  std::uint16_t next_port_ = 30000;
  // The middle of 2026, when the vectors with wall-clock times were made or shortly after.
  std::uint64_t unix_millis_ = 1'784'000'000'000;
};

}  // namespace hsfwd::vectors
