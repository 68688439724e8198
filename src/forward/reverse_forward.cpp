// SPDX-License-Identifier: Apache-2.0
#include "forward/reverse_forward.hpp"

#include <fmt/format.h>

#include <optional>

#include "util/text.hpp"

namespace hsfwd::forward {

namespace {

constexpr const char* kForm = "[BIND:]PORT[:TARGET], such as 8080:3000";

std::string_view take_part(std::string_view& rest) {
  const std::size_t colon = rest.find(':');
  const std::string_view part = rest.substr(0, colon);
  rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  return part;
}

std::optional<net::Ipv4> bind_of(std::string_view text) {
  if (text == "*") return net::Ipv4{};
  if (text == "localhost") return net::Ipv4::loopback();
  return net::Ipv4::parse(text);
}

}  // namespace

Result<ReverseForward, std::string> ReverseForward::parse(std::string_view text) {
  if (text.starts_with("udp:")) return Err(std::string("only TCP is forwarded in reverse"));
  if (text.starts_with("unix:")) return Err(std::string("a peer listens at TCP ports only"));
  if (text.starts_with('[')) return Err(std::string("a peer listens at IPv4 addresses only"));
  if (std::string problem = protocol_problem(text); !problem.empty())
    return Err(std::move(problem));
  ReverseForward out;
  std::string_view rest = text;
  std::string_view part = take_part(rest);
  auto port = parse_decimal(part, 65535);
  if (!port && !rest.empty()) {
    const auto bind = bind_of(part);
    if (!bind) return Err(fmt::format("{} is not {}", in_quotes(text), kForm));
    out.listen.address = *bind;
    part = take_part(rest);
    port = parse_decimal(part, 65535);
  }
  if (!port) return Err(fmt::format("{} is not {}", in_quotes(text), kForm));
  out.listen.port = static_cast<std::uint16_t>(*port);
  const bool has_target = !rest.empty();
  if (!has_target && text.ends_with(':')) return Err(std::string("the target is missing"));
  if (!has_target && *port == 0) return Err(std::string("port 0 needs a target, such as 0:8080"));
  auto target = Service::parse(has_target ? rest : part);
  if (!target) return Err(printable(target.error()));
  if (target->target.udp) return Err(std::string("only TCP is forwarded in reverse"));
  if (rest.find('=') != std::string_view::npos && !rest.starts_with("unix:")) {
    return Err(std::string("the target has no name here"));
  }
  out.target = std::move(*target);
  return out;
}

std::string ReverseForward::to_string() const {
  return fmt::format("{}:{}", listen.to_string(), target.target.to_string());
}

}  // namespace hsfwd::forward
