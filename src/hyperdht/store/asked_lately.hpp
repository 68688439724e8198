// SPDX-License-Identifier: Apache-2.0
// Which clients have had a relay pass a question on, so that answers go back to them and to nobody
// else who is named as a client.
#pragma once

#include <algorithm>
#include <vector>

#include "net/address.hpp"
#include "util/hash.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

class AskedLately {
 public:
  /// `hash_key` is secret, so that nobody can choose addresses that share a place.
  explicit AskedLately(std::uint64_t hash_key) : hash_key_(hash_key) {}

  void note(const net::Address& client, Instant now) {
    if (places_.empty()) places_.resize(kPlaces);
    Place& place = place_of(client);
    const int before = place.client == client ? answers_left(place, now) : 0;
    place = {client, now, std::min(before + kAnswers, kMaxAnswers)};
  }
  /// Whether an answer may go to the client; it is counted.
  bool take_answer(const net::Address& client, Instant now) {
    if (places_.empty()) return false;
    Place& place = place_of(client);
    if (place.client != client || answers_left(place, now) == 0) return false;
    --place.left;
    return true;
  }

 private:
  static constexpr std::size_t kPlaces = 8192;  // of 24 bytes; taken by the first question
  static constexpr Duration kExpiry = 20_s;     // clients give up sooner
  static constexpr int kAnswers = 4;            // to one question: servers repeat theirs
  static constexpr int kMaxAnswers = 64;

  struct Place {
    net::Address client;
    Instant at;
    int left = 0;
  };
  static int answers_left(const Place& place, Instant now) {
    return now - place.at < kExpiry ? place.left : 0;
  }
  Place& place_of(const net::Address& client) {
    return places_[mixed(client.number(), hash_key_) % kPlaces];
  }

  std::uint64_t hash_key_;
  std::vector<Place> places_;
};

}  // namespace hsfwd::hyperdht
