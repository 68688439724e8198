// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "forward/admission.hpp"
#include "net/byte_stream.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::forward {

/// Peers that are connected but want no service: they measure the path. They stay until they
/// leave, or until too many others have come.
class Guests {
 public:
  explicit Guests(Scheduler& scheduler) : guests_(scheduler) {}
  ~Guests();

  void add(std::unique_ptr<net::BufferedByteStream> peer, Admission::Ticket ticket = {});
  std::size_t count() const { return guests_.size(); }

  static constexpr std::size_t kMax = 32;

 private:
  struct Guest final : net::ByteStreamObserver {
    Guest(Guests& h, std::unique_ptr<net::BufferedByteStream> p, Admission::Ticket t)
        : host(h), peer(std::move(p)), ticket(std::move(t)) {}
    void on_readable() override;
    void on_writable() override;
    void on_reset(const std::string& reason) override;
    void cancel() { peer->set_observer(nullptr); }
    Guests& host;
    std::unique_ptr<net::BufferedByteStream> peer;
    const Admission::Ticket ticket;
    bool ending = false;
  };

  OwnedSet<Guest> guests_;  // oldest first
};

}  // namespace hsfwd::forward
