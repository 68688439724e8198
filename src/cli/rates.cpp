// SPDX-License-Identifier: Apache-2.0
#include "cli/rates.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.hpp"

namespace hsfwd::cli {

namespace {

// What tells entries of a list apart, as far as each has it.
constexpr const char* kIdentity[] = {"id", "publicKey", "listen", "peer", "service", "target"};

constexpr double kMostRate = 1e18;  // bytes a second; an integer has room for it

constexpr const char* kBytesToPeer = "bytesToPeer";
constexpr const char* kBytesFromPeer = "bytesFromPeer";
constexpr const char* kRateToPeer = "rateToPeer";
constexpr const char* kRateFromPeer = "rateFromPeer";

bool is_same_entry(const Json& a, const Json& b) {
  if (!b.is_object()) return false;
  return std::all_of(std::begin(kIdentity), std::end(kIdentity), [&](const char* name) {
    const auto one = a.find(name);
    const auto other = b.find(name);
    if (one == a.end() || other == b.end()) return one == a.end() && other == b.end();
    return *one == *other;
  });
}

std::optional<std::uint64_t> number_of(const Json& entry, const char* name) {
  const auto found = entry.find(name);
  if (found == entry.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

/// One that is less than before began anew meanwhile.
void add_rate(Json& entry, const Json& before, const char* bytes, const char* rate,
              double seconds) {
  const auto now = number_of(entry, bytes);
  const auto then = number_of(before, bytes);
  if (!now || !then || *now < *then || entry.contains(rate)) return;
  const double per_second = static_cast<double>(*now - *then) / seconds;
  // The process that says so may say anything.
  entry[rate] = per_second < kMostRate ? static_cast<std::uint64_t>(per_second) : 0;
}

void add_to_list(Json& list, const Json& before, double seconds);

void add_to_entry(Json& entry, const Json& before, double seconds) {
  add_rate(entry, before, kBytesToPeer, kRateToPeer, seconds);
  add_rate(entry, before, kBytesFromPeer, kRateFromPeer, seconds);
  for (auto& [name, value] : entry.items()) {
    const auto old = before.find(name);
    if (old != before.end()) add_to_list(value, *old, seconds);
  }
}

void add_to_list(Json& list, const Json& before, double seconds) {
  if (!list.is_array() || !before.is_array()) return;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Json& entry = list[i];
    if (!entry.is_object()) continue;
    // They are mostly where they were.
    if (i < before.size() && is_same_entry(entry, before[i])) {
      add_to_entry(entry, before[i], seconds);
      continue;
    }
    const auto found = std::find_if(before.begin(), before.end(),
                                    [&](const Json& other) { return is_same_entry(entry, other); });
    if (found != before.end()) add_to_entry(entry, *found, seconds);
  }
}

Omittable<std::uint64_t> sum_of_rates(const Omittable<std::uint64_t>& a,
                                      const Omittable<std::uint64_t>& b) {
  if (!a) return b;
  return b ? Omittable<std::uint64_t>(*a + *b) : a;
}

}  // namespace

void add_rates(Json& event, const Json& before, double seconds) {
  if (seconds > 0 && event.is_object() && before.is_object()) add_to_entry(event, before, seconds);
}

Traffic operator+(const Traffic& a, const Traffic& b) {
  return {.bytes_to_peer = a.bytes_to_peer + b.bytes_to_peer,
          .bytes_from_peer = a.bytes_from_peer + b.bytes_from_peer,
          .rate_to_peer = sum_of_rates(a.rate_to_peer, b.rate_to_peer),
          .rate_from_peer = sum_of_rates(a.rate_from_peer, b.rate_from_peer)};
}

Traffic traffic_of(const Json& list) {
  Traffic out;
  if (!list.is_array()) return out;
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    Traffic one{.bytes_to_peer = number_of(entry, kBytesToPeer).value_or(0),
                .bytes_from_peer = number_of(entry, kBytesFromPeer).value_or(0)};
    if (const auto rate = number_of(entry, kRateToPeer)) one.rate_to_peer = *rate;
    if (const auto rate = number_of(entry, kRateFromPeer)) one.rate_from_peer = *rate;
    out = out + one;
    for (const Json& value : entry) out = out + traffic_of(value);
  }
  return out;
}

std::string carried_text(std::uint64_t bytes, const char* way,
                         const Omittable<std::uint64_t>& rate) {
  return fmt::format("{} {}{}", size_text(bytes), way,
                     rate ? fmt::format(" ({}/s)", size_text(*rate)) : "");
}

std::string rates_text(const Omittable<std::uint64_t>& to_peer,
                       const Omittable<std::uint64_t>& from_peer) {
  if (to_peer.value_or(0) == 0 && from_peer.value_or(0) == 0) return "";
  return fmt::format("{}/s to the peer, {}/s from it", size_text(to_peer.value_or(0)),
                     size_text(from_peer.value_or(0)));
}

}  // namespace hsfwd::cli
