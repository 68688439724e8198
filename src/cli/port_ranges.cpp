// SPDX-License-Identifier: Apache-2.0
#include "cli/port_ranges.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "cli/table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kUdpPrefix = "udp:";

struct Range {
  std::uint64_t first;
  std::uint64_t last;
  std::size_t size() const { return last - first + 1; }
};

/// Nothing of what was not meant as one.
std::optional<Range> range_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  constexpr std::uint64_t kAny = 99'999;
  const auto first = parse_decimal(text.substr(0, dash), kAny);
  const auto last = parse_decimal(text.substr(dash + 1), kAny);
  if (!first || !last) return std::nullopt;
  return Range{*first, *last};
}

/// Empty: nothing.
std::string range_problem(const Range& range) {
  const std::string text = fmt::format("the range {}-{}", range.first, range.last);
  if (range.first < 1 || range.last > 65535) return text + " is not one of ports (1-65535)";
  if (range.first > range.last) return text + " ends before it begins";
  if (range.size() > kMaxRange) {
    return fmt::format("{} has {} ports, and may have {}", text, range.size(), kMaxRange);
  }
  return "";
}

/// The parts between colons, an address in brackets being one.
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> out;
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
  for (std::size_t begin = 0;;) {
    const std::size_t colon = text.find(':', from);
    out.push_back(text.substr(begin, colon == std::string_view::npos ? colon : colon - begin));
    if (colon == std::string_view::npos) return out;
    begin = from = colon + 1;
  }
}

/// The words behind kBothPrefix, and then the same of UDP.
Result<Words, std::string> of_both(const Result<Words, std::string>& tcp,
                                   const Result<Words, std::string>& udp) {
  if (!tcp || !udp) return tcp ? udp : tcp;
  Words out = *tcp;
  out.insert(out.end(), udp->begin(), udp->end());
  return out;
}

}  // namespace

Result<Words, std::string> services_of_range(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals == std::string_view::npos ? 0 : equals);
  const std::string_view target = equals == std::string_view::npos ? text : text.substr(equals + 1);
  if (target.starts_with("unix:")) return Words{std::string(text)};
  if (target.starts_with(kBothPrefix)) {
    const std::string_view before = text.substr(0, text.size() - target.size());
    const std::string_view rest = target.substr(kBothPrefix.size());
    return of_both(services_of_range(fmt::format("{}{}", before, rest)),
                   services_of_range(fmt::format("{}{}{}", before, kUdpPrefix, rest)));
  }
  // What follows is said of each of them.
  const std::string_view options = target.substr(std::min(target.find(','), target.size()));
  const std::string_view address = target.substr(0, target.size() - options.size());
  const std::size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon == std::string_view::npos ? 0 : colon + 1);
  const auto range = range_of(address.substr(host.size()));
  if (!range) return Words{std::string(text)};
  if (const std::string problem = range_problem(*range); !problem.empty()) return Err(problem);
  Words out;
  for (std::uint64_t port = range->first; port <= range->last; ++port) {
    const std::string prefix = name.empty() ? "" : fmt::format("{}-{}=", name, port);
    out.push_back(fmt::format("{}{}{}{}", prefix, host, port, options));
  }
  return out;
}

Result<Words, std::string> forwards_of_range(std::string_view text) {
  if (text.starts_with(kBothPrefix)) {
    const auto tcp = forwards_of_range(text.substr(kBothPrefix.size()));
    if (!tcp) return Err(tcp.error());
    Words udp = *tcp;
    for (std::string& word : udp) word.insert(0, kUdpPrefix);
    return of_both(tcp, udp);
  }
  if (text.starts_with("unix:")) return Words{std::string(text)};
  constexpr std::string_view kUdp = "udp:";
  const std::string_view protocol = text.starts_with(kUdp) ? kUdp : "";
  const auto parts = parts_of(text.substr(protocol.size()));
  const bool has_bind = !range_of(parts[0]) && !parse_decimal(parts[0], 65535);
  const std::size_t at = has_bind ? 1 : 0;
  if (at >= parts.size() || parts.size() > at + 2) return Words{std::string(text)};
  const auto ports = range_of(parts[at]);
  const bool has_services = parts.size() == at + 2;
  const auto services = has_services ? range_of(parts[at + 1]) : ports;
  if (!ports && !services) return Words{std::string(text)};
  for (const auto& range : {ports, services}) {
    if (!range) continue;
    if (const std::string problem = range_problem(*range); !problem.empty()) return Err(problem);
  }
  if (!ports || !services || ports->size() != services->size()) {
    return Err(
        fmt::format("{} has {} and {}: a range of ports leads to as many services, called after "
                    "their numbers",
                    in_quotes(text), count_text(ports ? ports->size() : 1, "port"),
                    count_text(services ? services->size() : 1, "service")));
  }
  Words out;
  for (std::size_t i = 0; i < ports->size(); ++i) {
    out.push_back(fmt::format("{}{}{}{}:{}", protocol, has_bind ? parts[0] : "",
                              has_bind ? ":" : "", ports->first + i, services->first + i));
  }
  return out;
}

Result<Words, std::string> reverses_of_range(std::string_view text) {
  const auto parts = parts_of(text);
  const bool has_bind = !range_of(parts[0]) && !parse_decimal(parts[0], 65535);
  const std::size_t at = has_bind ? 1 : 0;
  if (at >= parts.size()) return Words{std::string(text)};
  const std::string_view port = parts[at];
  const std::string_view bind = text.substr(0, static_cast<std::size_t>(port.data() - text.data()));
  const std::string_view rest = text.substr(bind.size() + port.size());
  if (rest.starts_with(":unix:") && !range_of(port)) return Words{std::string(text)};
  const std::string_view target = rest.substr(rest.rfind(':') + 1);
  const std::string_view host = rest.substr(0, rest.size() - target.size());
  const auto ports = range_of(port);
  const auto targets = rest.empty() ? ports : range_of(target);
  if (!ports && !targets) return Words{std::string(text)};
  for (const auto& range : {ports, targets}) {
    if (!range) continue;
    if (const std::string problem = range_problem(*range); !problem.empty()) return Err(problem);
  }
  if (!ports || !targets || ports->size() != targets->size()) {
    return Err(fmt::format("{} leads {} to {}: each port of a range leads to one of its own",
                           in_quotes(text), count_text(ports ? ports->size() : 1, "port"),
                           count_text(targets ? targets->size() : 1, "target")));
  }
  Words out;
  for (std::size_t i = 0; i < ports->size(); ++i) {
    out.push_back(rest.empty()
                      ? fmt::format("{}{}", bind, ports->first + i)
                      : fmt::format("{}{}{}{}", bind, ports->first + i, host, targets->first + i));
  }
  return out;
}

}  // namespace hsfwd::cli
