// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/session_message.hpp"

#include <string_view>

#include "codec/reader.hpp"
#include "codec/writer.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

Bytes SessionMessage::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.uint(static_cast<std::uint64_t>(kind));
    w.uint(number);
    if (kind == Kind::kRefuse || kind == Kind::kReset) {
      w.string(std::string_view(text).substr(0, kMaxText));
      return;
    }
    w.string(service);
    if (kind == Kind::kAccept) {
      w.uint(services.size());
      for (const std::string& name : services) w.string(name);
    }
    if (features != 0) w.uint(features);
  });
}

Result<SessionMessage> SessionMessage::decode(ByteView record) {
  codec::Reader reader(record);
  SessionMessage out;
  out.kind = reader.number<Kind>();
  const bool known = out.kind >= Kind::kOpen && out.kind <= Kind::kReset;
  if (reader.ok() && !known) return out;
  out.number = reader.uint();
  if (out.kind == Kind::kRefuse || out.kind == Kind::kReset) {
    out.text = printable(reader.string().substr(0, kMaxText));
  } else {
    out.service = reader.string();
    if (out.kind == Kind::kAccept) {
      reader.array([&] {
        const std::string_view name = reader.string();
        if (out.services.size() < kMaxServices) out.services.emplace_back(name);
      });
    }
    if (reader.ok() && !reader.rest().empty()) out.features = reader.uint();
  }
  if (!reader.ok()) return Err(Errc::kMalformed);
  if (out.service.size() > kMaxService) return Err(Errc::kTooLarge);
  return out;
}

}  // namespace hsfwd::hyperdht
