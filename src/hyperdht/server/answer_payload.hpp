// SPDX-License-Identifier: Apache-2.0
// What a server answers a first message with, and how much of it.
#pragma once

#include <optional>

#include "hyperdht/server/server.hpp"
#include "udx/packet.hpp"

namespace hsfwd::hyperdht {

struct ServerContext;

// What may be sent to an address for each byte that came from it: RFC 9000, section 8.1.
constexpr std::uint64_t kAmplification = 3;

/// Bytes of the datagram with a first Noise message, at least, and of one with a second, at most.
std::uint64_t size_of_question(const Bytes& noise);
std::uint64_t size_of_answer(const Bytes& noise);

struct AnswerTerms {
  PayloadError error = PayloadError::kNone;
  Address introducer;                                // through which the question came
  std::size_t session = 0;                           // how the client names it in a punch
  udx::StreamId stream;                              // our stream
  const std::optional<RelayThroughInfo>& own_relay;  // that we name
  const crypto::PublicKey& client;
  const std::optional<Extension>& extension;  // the client's
  std::uint64_t most = 0;                     // bytes of the answer's datagram
};

/// What the client learns at length is left out where its question was too short for it.
NoisePayload answer_payload(const ServerContext& context, const ServerOptions& options,
                            const Announcer& announcer, const AnswerTerms& terms);

}  // namespace hsfwd::hyperdht
