// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/planner.hpp"
#include "platform/directories.hpp"
#include "platform/text_file.hpp"

namespace hsfwd::cli {

Result<config::Config, config::ConfigError> parse_config(const std::string& text,
                                                         const std::string& file,
                                                         TunnelKinds kinds) {
  std::vector<config::Shape> shapes;
  for (const TunnelKind* kind : kinds) shapes.push_back(kind->section);
  return config::parse(text, file, shapes);
}

Plan make_plan(const config::Config& config, const std::string& file, TunnelKinds kinds) {
  return Planner(config, file, kinds, AddressBook::beside(file)).make();
}

std::string plan_file_name(const std::string& file) {
  return file == kStandardInput ? "standard input" : std::filesystem::absolute(file).string();
}

std::vector<std::string> configuration_paths() {
  const char* const chosen = std::getenv("HSFWD_CONFIG");
  if (chosen == nullptr || *chosen == '\0') return config::default_paths();
  auto path = platform::resolve_path(chosen);
  if (!path) throw UserError{kUsage, "USAGE", "HSFWD_CONFIG: " + path.error()};
  if (*path == kStandardInput) throw UserError{kUsage, "USAGE", "HSFWD_CONFIG: - is no file"};
  return {std::move(*path)};
}

std::string choose_plan_file(const CommandLine& line) {
  if (line.has("config")) return line.path("config");
  const auto candidates = configuration_paths();
  for (const std::string& candidate : candidates) {
    std::error_code error;
    const bool there = std::filesystem::exists(candidate, error);
    // It may exist in a folder that may not be searched; opening it then gives the error.
    if (there || error == std::errc::permission_denied) return candidate;
  }
  throw UserError{kBadConfig, "NO_CONFIG",
                  fmt::format("no configuration file; use -c FILE, or create {}",
                              fmt::join(candidates, " or "))};
}

Plan load_plan(const std::string& file) {
  const std::string name = file == kStandardInput ? plan_file_name(file) : file;
  const auto text = platform::read_text_file(file);
  if (!text) {
    const config::ConfigError error{name, 0, "cannot be read: " + text.error()};
    throw UserError{kBadConfig, "BAD_CONFIG", error.to_string()};
  }
  const auto config = parse_config(*text, name);
  if (!config) throw UserError{kBadConfig, "BAD_CONFIG", config.error().to_string()};
  // What is relative in standard input counts from the working directory, as "-" would lie there.
  Planner planner(*config, name, tunnel_kinds(), AddressBook::beside(name));
  Plan plan = planner.make();
  planner.check_identities();
  for (const auto& tunnel : plan.tunnels) {
    const Contradiction found = tunnel->contradiction();
    if (found.text.empty()) continue;
    planner.mistake(found.line, fmt::format("{}: {}", tunnel->kind().section.header(), found.text));
  }
  if (file == kStandardInput) return plan;
  for (std::string& warning : planner.exposed_secrets())
    plan.warnings.push_back(std::move(warning));
  return plan;
}

}  // namespace hsfwd::cli
