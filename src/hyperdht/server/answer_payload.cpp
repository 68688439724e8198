// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/answer_payload.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "hyperdht/nat/introductions.hpp"
#include "hyperdht/server/context.hpp"

namespace hsfwd::hyperdht {

namespace {

// Datagrams around a Noise message: dht-rpc's header, target and value, the modes and addresses of
// a handshake message. A question has at least this, an answer, with a node's id, at most that.
constexpr std::size_t kLeastAroundQuestion = 46;
constexpr std::size_t kMostAroundAnswer = 98;
constexpr std::size_t kMessage2Overhead = 48;

/// A stock client asks about the punch through the relay of its handshake if that is among them,
/// and through the first of them otherwise. A random punch takes two relays that have seen it.
std::vector<RelayInfo> relays_for_punch(const std::vector<RelayInfo>& all,
                                        const AnswerTerms& terms) {
  if (terms.extension) return all;
  const auto network = Introductions::network_of(terms.introducer);
  std::vector<RelayInfo> others;
  std::copy_if(all.begin(), all.end(), std::back_inserter(others), [&](const RelayInfo& relay) {
    return Introductions::network_of(relay.relay_address) != network;
  });
  return others.empty() ? all : others;
}

NoisePayload whole_payload(const ServerContext& context, const ServerOptions& options,
                           const Announcer& announcer, const AnswerTerms& terms) {
  const auto own = context.node.remote_address();
  NoisePayload out;
  out.error = terms.error;
  out.firewall = own ? Firewall::kOpen : Firewall::kUnknown;
  if (own) {
    out.addresses4.push_back(*own);
  } else {
    out.holepunch =
        HolepunchInfo{.id = terms.session, .relays = relays_for_punch(announcer.relays(), terms)};
  }
  if (options.share_local_addresses) {
    for (const Address& local : context.addresses.validated_local())
      out.addresses4.push_back(local);
  }
  out.udx = UdxInfo{.reusable_socket = options.reusable_socket, .id = terms.stream.value};
  out.secret_stream = 1;
  const auto& relay_addresses = announcer.relay_addresses();
  if (!relay_addresses.empty()) out.relay_addresses = relay_addresses;
  out.relay_through = terms.own_relay;
  if (options.extension) out.extension = options.extension(terms.client, terms.extension);
  if (out.extension) {
    out.extension->features |= context.features | Extension::kFirstRecord;
    out.extension->stamp.reset();
  }
  return out;
}

}  // namespace

std::uint64_t size_of_question(const Bytes& noise) {
  return noise.size() + kLeastAroundQuestion;
}

std::uint64_t size_of_answer(const Bytes& noise) {
  return noise.size() + kMostAroundAnswer;
}

NoisePayload answer_payload(const ServerContext& context, const ServerOptions& options,
                            const Announcer& announcer, const AnswerTerms& terms) {
  NoisePayload payload = whole_payload(context, options, announcer, terms);
  while (payload.encode().size() + kMessage2Overhead + kMostAroundAnswer > terms.most) {
    if (payload.extension && !payload.extension->services.empty()) {
      payload.extension->services.pop_back();
    } else if (!payload.addresses4.empty()) {
      payload.addresses4.pop_back();
    } else {
      break;
    }
  }
  return payload;
}

}  // namespace hsfwd::hyperdht
