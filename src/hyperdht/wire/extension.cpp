// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/extension.hpp"

#include <algorithm>
#include <string_view>

#include "codec/writer.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kMagic = "hsfwd";
}

void Extension::write(codec::Writer& writer) const {
  writer.raw(as_bytes(kMagic));
  writer.uint(kVersion);
  writer.buffer(codec::encode([this](codec::Writer& body) {
    body.uint(features);
    body.string(service);
    body.uint(services.size());
    for (const std::string& name : services) body.string(name);
    if (stamp || !resume.empty() || !udp.empty()) body.uint(stamp.value_or(0));
    if (!resume.empty() || !udp.empty()) body.buffer(resume);
    if (!udp.empty()) body.buffer(udp);
  }));
}

std::optional<Extension> Extension::read(ByteView trailing) {
  codec::Reader reader(trailing);
  if (!equal(reader.raw(kMagic.size()), as_bytes(kMagic))) return std::nullopt;
  const std::uint64_t version = reader.uint();
  codec::Reader body(reader.buffer());
  if (!reader.ok() || version != kVersion) return std::nullopt;
  Extension out;
  out.features = body.uint();
  out.service = body.string();
  body.array([&] { out.services.emplace_back(body.string()); });
  if (!body.ok()) return std::nullopt;
  if (const std::uint64_t stamp = body.uint(); body.ok()) out.stamp = stamp;
  if (const ByteView resume = body.buffer(); body.ok()) out.resume = to_bytes(resume);
  if (const ByteView udp = body.buffer(); body.ok()) out.udp = to_bytes(udp);
  return out;
}

void Extension::say_udp(std::size_t place, bool is_udp) {
  udp.resize(place / 8 + 1);
  if (is_udp) udp[place / 8] |= static_cast<std::uint8_t>(1U << place % 8);
}

std::optional<bool> Extension::is_udp(std::string_view name) const {
  std::optional<bool> out;
  for (std::size_t place = 0; place < services.size(); ++place) {
    if (services[place] != name) continue;
    if (place / 8 >= udp.size()) return std::nullopt;
    const bool one = (udp[place / 8] >> place % 8 & 1U) != 0;
    if (out && *out != one) return std::nullopt;
    out = one;
  }
  return out;
}

std::vector<std::string> Extension::service_names() const {
  std::vector<std::string> out;
  for (const std::string& name : services) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

}  // namespace hsfwd::hyperdht
