// SPDX-License-Identifier: Apache-2.0
// The way behind the public interface, for this folder and for tests. Not installed; nothing above
// the wall may include it (tests/lint/includes.js).
#pragma once

#include <memory>

namespace hsfwd {

class Node;
class PeerStream;

namespace hyperdht {
class Dht;
class PeerSocket;
}  // namespace hyperdht

struct Internals {
  static hyperdht::Dht& dht(Node& node);
  static const hyperdht::Dht& dht(const Node& node);
};

std::unique_ptr<PeerStream> make_stream(std::unique_ptr<hyperdht::PeerSocket> socket);

}  // namespace hsfwd
