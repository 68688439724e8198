// SPDX-License-Identifier: Apache-2.0
#include "forward/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace hsfwd::forward {

namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kUdpPrefix = "udp:";
// A service on this machine may listen at either loopback address; a local port is opened at one.
constexpr std::string_view kServiceHost = "localhost";
constexpr std::string_view kListenHost = "127.0.0.1";
constexpr std::size_t kMaxName = 64;

Err<std::string> bad(std::string why) {
  return Err(std::move(why));
}

/// What a resolver may be asked for, and can be distinguished from the rest of a spec.
bool is_host(std::string_view host) {
  constexpr std::string_view kOthers = "=/[]@,;";
  return !host.empty() && std::none_of(host.begin(), host.end(), [&](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
           kOthers.find(c) != std::string_view::npos;
  });
}

Result<net::StreamAddress, std::string> parse_unix(std::string_view path) {
  if (path.empty()) return bad("the path of the socket is missing");
  if (path.size() > net::StreamAddress::kMaxPath) {
    return bad(fmt::format("the path of the socket is longer than {} bytes",
                           net::StreamAddress::kMaxPath));
  }
  return net::StreamAddress{.host = {}, .port = 0, .path = std::string(path)};
}

/// What to say about what people write in place of a port; empty if it is nothing known.
std::string port_problem(std::string_view whole, std::string_view port) {
  if (const std::size_t slash = port.find('/'); slash != std::string_view::npos) {
    const std::string_view number = port.substr(0, slash);
    if (port.substr(slash) == "/tcp" && parse_decimal(number, 65535)) {
      return fmt::format("{}: TCP needs no word; write {}", in_quotes(port), number);
    }
    if (port.substr(slash) == "/udp" && parse_decimal(number, 65535)) {
      return fmt::format("{}: write udp:{}", in_quotes(port),
                         shortened(whole.substr(0, whole.size() - 4)));
    }
  }
  if (const std::size_t dash = port.find('-'); dash != std::string_view::npos) {
    if (parse_decimal(port.substr(0, dash), 65535) && parse_decimal(port.substr(dash + 1), 65535)) {
      return fmt::format("{} is a range; list each port by itself", in_quotes(port));
    }
  }
  return "";
}

/// What to say about a path without "unix:"; empty for anything else.
std::string path_problem(std::string_view text) {
  for (const std::string_view begin : {"/", "./", "../", "~/"}) {
    if (text.starts_with(begin)) {
      return fmt::format("{} looks like a path; a unix socket is unix:PATH", in_quotes(text));
    }
  }
  return "";
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string no_udp_of_ipv6(std::string_view text) {
  return fmt::format("{}: UDP goes over IPv4 only", in_quotes(text));
}

std::string no_port(std::string_view port, std::uint64_t least) {
  return fmt::format("{} is not a valid port ({}-65535)", in_quotes(port), least);
}

/// What to say about things that are not targets.
std::string target_problem(std::string_view text) {
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    std::string_view rest = text.substr(scheme + 3);
    rest = rest.substr(0, rest.find('/'));
    const bool has_port = !rest.empty() && parse_decimal(rest.substr(rest.rfind(':') + 1), 65535);
    return fmt::format("{} is a URL; write {}", in_quotes(text),
                       has_port ? shortened(rest) : "just HOST:PORT");
  }
  if (text.starts_with(':') && parse_decimal(text.substr(1), 65535)) {
    return fmt::format("the host is missing: write {} for this machine", text.substr(1));
  }
  return path_problem(text);
}

/// `PORT` or `HOST:PORT`, HOST in brackets if it contains colons.
Result<net::StreamAddress, std::string> parse_tcp(std::string_view text, std::uint64_t min_port) {
  net::StreamAddress out;
  if (const std::string problem = target_problem(text); !problem.empty()) return bad(problem);
  const std::size_t colon = text.rfind(':');
  std::string_view host = colon == std::string_view::npos ? kServiceHost : text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const auto number = parse_decimal(port, 65535);
  if (!number || *number < min_port) {
    if (const std::string problem = port_problem(text, port); !problem.empty()) return bad(problem);
    return bad(no_port(port, min_port));
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad(fmt::format("IPv6 addresses go in brackets: [{}]", shortened(host)));
  }
  if (host.empty()) return bad("the host is empty");
  if (!is_host(host)) return bad(fmt::format("{} is not a valid host", in_quotes(host)));
  out.host = host;
  out.port = static_cast<std::uint16_t>(*number);
  return out;
}

}  // namespace

bool is_service_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::string no_service_name(std::string_view name) {
  return fmt::format("{} is not a valid service name (1 to {} letters, digits, '-', '_' and '.')",
                     in_quotes(name), kMaxName);
}

std::string service_meant(const std::vector<std::string>& names, std::string_view name) {
  if (std::find(names.begin(), names.end(), name) != names.end()) return std::string(name);
  const auto alike = std::find_if(names.begin(), names.end(), [&](const std::string& one) {
    return lower(one) == lower(name);
  });
  return alike != names.end() ? *alike : "";
}

std::string protocol_problem(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return "";
  const std::string word = lower(text.substr(0, colon));
  const std::string_view rest = text.substr(colon + 1);
  if (word == "tcp") {
    return fmt::format("{}: TCP needs no word; write {}", in_quotes(text),
                       printable(shortened(rest)));
  }
  const bool known = word == "udp" || word == "unix" || word == "tcp+udp";
  if (!known || text.starts_with(word)) return "";
  return fmt::format("{}: write {}:{}", in_quotes(text), word, printable(shortened(rest)));
}

Result<Service, std::string> Service::parse(std::string_view text) {
  Service out;
  const std::size_t equals = text.find('=');
  if (equals != std::string_view::npos) {
    out.name = text.substr(0, equals);
    if (!is_service_name(out.name)) return bad(no_service_name(out.name));
    text.remove_prefix(equals + 1);
  }
  if (std::string problem = protocol_problem(text); !problem.empty())
    return bad(std::move(problem));
  const bool udp = text.starts_with(kUdpPrefix);
  if (udp) text.remove_prefix(kUdpPrefix.size());
  if (udp && text.starts_with(kUnixPrefix)) return bad("a unix socket has no UDP");
  if (text.starts_with(kUnixPrefix)) {
    auto target = parse_unix(text.substr(kUnixPrefix.size()));
    if (!target) return Err(target.error());
    out.target = std::move(*target);
    if (out.name.empty()) {
      const std::size_t slash = out.target.path.rfind('/');
      out.name = out.target.path.substr(slash == std::string::npos ? 0 : slash + 1);
      std::replace_if(
          out.name.begin(), out.name.end(),
          [](char c) { return !is_service_name(std::string_view(&c, 1)); }, '_');
      if (!is_service_name(out.name)) return bad("a name is needed: NAME=unix:PATH");
    }
    return out;
  }
  auto target = parse_tcp(text, 1);
  if (!target) return Err(target.error());
  out.target = std::move(*target);
  out.target.udp = udp;
  if (udp && out.target.host.find(':') != std::string::npos) return bad(no_udp_of_ipv6(text));
  if (out.name.empty()) out.name = std::to_string(out.target.port);
  return out;
}

namespace {

Result<LocalForward, std::string> parse_local(std::string_view text) {
  LocalForward out;
  if (text.starts_with(kUnixPrefix)) {
    text.remove_prefix(kUnixPrefix.size());
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) {
      out.service = text.substr(colon + 1);
      text = text.substr(0, colon);
    }
    auto listen = parse_unix(text);
    if (!listen) return Err(listen.error());
    out.listen = std::move(*listen);
  } else {
    // The last part is a service unless it is a number; a service whose name is a number needs a
    // port before it.
    std::vector<std::string_view> parts;
    std::string_view rest = text;
    if (rest.starts_with('[')) {
      const std::size_t close = rest.find(']');
      if (close == std::string_view::npos) return bad("the closing bracket is missing");
      parts.push_back(rest.substr(0, close + 1));
      rest.remove_prefix(close + 1);
      if (!rest.starts_with(':')) return bad("the port is missing");
      rest.remove_prefix(1);
    }
    for (;;) {
      const std::size_t colon = rest.find(':');
      parts.push_back(rest.substr(0, colon));
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
    if (const std::string problem = path_problem(text); !problem.empty()) return bad(problem);
    const auto is_port = [](std::string_view part) {
      return parse_decimal(part, 65535).has_value();
    };
    std::size_t port = parts.size();
    if (is_port(parts[0])) {
      port = 0;
    } else if (parts.size() > 1 && is_port(parts[1])) {
      port = 1;
    }
    // As ssh has it: PORT:HOST:PORT.
    if (port == 0 && parts.size() == 3 && is_port(parts[2])) {
      return bad(
          fmt::format("{}: a local port leads to a service of the peer, not to a host and port: "
                      "write {} or {}:SERVICE",
                      in_quotes(text), parts[0], parts[0]));
    }
    const auto beyond = std::find_if(parts.begin(), parts.end(), [&](std::string_view part) {
      return is_number(part) && !is_port(part);
    });
    if (port == parts.size() && beyond != parts.end()) return bad(no_port(*beyond, 0));
    if (port == parts.size() || parts.size() > port + 2) {
      return bad(fmt::format("{} is not [BIND:]PORT[:SERVICE]", in_quotes(text)));
    }
    std::string_view host = port == 1 ? parts[0] : kListenHost;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return bad("the address to listen on is empty");
    if (!is_host(host)) return bad(fmt::format("{} is not a valid address", in_quotes(host)));
    out.listen.host = host;
    out.listen.port = static_cast<std::uint16_t>(*parse_decimal(parts[port], 65535));
    if (parts.size() == port + 2) out.service = parts[port + 1];
    if (parts.size() == port + 2 && out.service.empty()) return bad("the service is empty");
  }
  if (!out.service.empty() && !is_service_name(out.service)) {
    return bad(no_service_name(out.service));
  }
  return out;
}

}  // namespace

Result<LocalForward, std::string> LocalForward::parse(std::string_view text) {
  if (std::string problem = protocol_problem(text); !problem.empty())
    return bad(std::move(problem));
  if (!text.starts_with(kUdpPrefix)) return parse_local(text);
  const std::string_view rest = text.substr(kUdpPrefix.size());
  auto out = rest.starts_with(kUnixPrefix)
                 ? Result<LocalForward, std::string>(bad("a unix socket has no UDP"))
                 : parse_local(rest);
  if (!out) return out;
  if (out->listen.host.find(':') != std::string::npos) return bad(no_udp_of_ipv6(text));
  if (out->listen.host == "localhost") out->listen.host = kListenHost;
  if (!net::Ipv4::parse(out->listen.host)) {
    return bad(fmt::format("{} is not an IPv4 address, such as UDP is listened for at",
                           in_quotes(out->listen.host)));
  }
  out->listen.udp = true;
  return out;
}

}  // namespace hsfwd::forward
