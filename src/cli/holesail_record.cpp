// SPDX-License-Identifier: Apache-2.0
#include "cli/holesail_record.hpp"

#include <fmt/format.h>

#include <optional>

#include "cli/events/event.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr std::uint64_t kFirstPort = 1024;  // that any user may open
constexpr std::uint64_t kLastPort = 65535;

/// As a number, or the same as text: JavaScript listens at either.
std::optional<std::uint64_t> port_of(const Json& value) {
  std::optional<std::uint64_t> out;
  if (value.is_number_unsigned()) out = value.get<std::uint64_t>();
  if (value.is_string()) out = parse_decimal(value.get_ref<const std::string&>(), kLastPort);
  return out && *out >= 1 && *out <= kLastPort ? out : std::nullopt;
}

}  // namespace

/// Byte for byte as JavaScript writes it: other bytes would be another value.
std::string HolesailRecord::encode() const {
  return fmt::format("{{\"host\":\"{}\"{},\"port\":{}}}", kHost, udp ? ",\"udp\":true" : "", port);
}

Result<HolesailRecord, std::string> HolesailRecord::decode(ByteView bytes) {
  if (bytes.size() > kMaxSize) return Err(fmt::format("it has more than {} bytes", kMaxSize));
  const Json json = Json::parse(as_text(bytes), nullptr, false);
  if (!json.is_object()) return Err(std::string("it is not a JSON object"));
  HolesailRecord out;
  if (const auto found = json.find("port"); found != json.end() && !found->is_null()) {
    const auto port = port_of(*found);
    if (!port) return Err(std::string("its port is not one (1-65535)"));
    out.port = static_cast<std::uint16_t>(*port);
  }
  if (const auto found = json.find("udp"); found != json.end() && !found->is_null()) {
    if (!found->is_boolean()) return Err(std::string("its udp is neither true nor false"));
    out.udp = found->get<bool>();
  }
  return out;
}

Result<forward::LocalForward, std::string> HolesailRecord::local_forward() const {
  if (port < kFirstPort) {
    return Err(fmt::format("its port, {0}, is below {1}: choose a local one, such as -L {2}8{0:03}",
                           port, kFirstPort, udp ? "udp:" : ""));
  }
  return forward::LocalForward{.listen = {.host = kHost, .port = port, .path = {}, .udp = udp},
                               .service = {}};
}

}  // namespace hsfwd::cli
