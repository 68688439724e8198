// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "hyperdht/client/peer_search.hpp"

namespace hsfwd::hyperdht {

struct ClientContext;

/// Whether a peer whose connection has gone silent can be reached anew: then it is the old path
/// that is dead, and not the peer or the own line. The handshake offers an hsfwd peer no stream, so that
/// nothing comes of it there. The process of a stock one may end by that (docs/protocol/hyperdht.md section 10): it is
/// offered one that is never used, which it gives up after ten seconds.
class SecondOpinion final : private PeerSearch::Observer {
 public:
  /// `done` is called once, later; it may retire this object.
  SecondOpinion(const ClientContext& context, const crypto::PublicKey& remote,
                const crypto::KeyPair& keys, bool is_stock, const AttemptLog& log,
                std::function<void(bool answered)> done);

  void start();
  void cancel() { search_.cancel(); }

 private:
  // PeerSearch::Observer
  void on_answered(PeerAnswer) override { done_(true); }
  void on_not_answered(bool) override { done_(false); }

  const ClientContext& context_;
  const crypto::PublicKey remote_;
  const bool is_stock_;
  PeerSearch search_;
  std::function<void(bool)> done_;
};

}  // namespace hsfwd::hyperdht
