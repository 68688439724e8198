// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/extension.hpp"

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
    if (stamp || !resume.empty()) body.uint(stamp.value_or(0));
    if (!resume.empty()) body.buffer(resume);
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
  return out;
}

}  // namespace hsfwd::hyperdht
