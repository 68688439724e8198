// SPDX-License-Identifier: Apache-2.0
#include "platform/node_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "crypto/crypto.hpp"
#include "platform/directories.hpp"
#include "platform/text_file.hpp"
#include "platform/unique_fd.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "hsfwd nodes 1";
constexpr std::string_view kPrefix = "nodes-";
constexpr std::size_t kMaxNodesSize = 16 * 1024;  // a hundred lines of 22 bytes fit well
constexpr std::size_t kMaxFiles = 8;              // networks that are remembered
constexpr std::size_t kFileNameDigits = 16;

/// A regular file of no absurd size; nothing else is read, least of all something that blocks.
std::optional<std::string> read_file(const std::string& path, std::string& problem) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno != ENOENT) problem = std::strerror(errno);
    return std::nullopt;
  }
  struct stat info {};
  std::optional<std::string> out;
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    problem = "is not a file";
  } else {
    std::string text(kMaxNodesSize + 1, '\0');
    const ssize_t size = read(fd.get(), text.data(), text.size());
    if (size < 0) {
      problem = std::strerror(errno);
    } else if (static_cast<std::size_t>(size) > kMaxNodesSize) {
      problem = "is too large";
    } else {
      text.resize(static_cast<std::size_t>(size));
      out = std::move(text);
    }
  }
  return out;
}

std::optional<std::vector<net::Address>> parse(std::string_view text) {
  std::vector<net::Address> out;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // cut off
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (std::exchange(first, false)) {
      if (line != kFormat) return std::nullopt;
      continue;
    }
    const auto address = net::Address::parse(line);
    if (!address || address->port == 0 || address->host.is_any()) return std::nullopt;
    if (out.size() < kMaxRememberedNodes) out.push_back(*address);
  }
  if (first) return std::nullopt;
  return out;
}

void make_room(const fs::path& directory) {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    files.emplace_back(entry.last_write_time(error), entry.path());
  }
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i + kMaxFiles < files.size(); ++i) fs::remove(files[i].second, error);
}

}  // namespace

std::string default_cache_directory() {
  return xdg_directory("XDG_CACHE_HOME", ".cache");
}

std::string node_file_path(const std::string& directory, std::vector<std::string> bootstrap) {
  std::sort(bootstrap.begin(), bootstrap.end());
  const std::string network = fmt::format("{}", fmt::join(bootstrap, "\n"));
  const std::string name = to_hex(crypto::blake2b_256(as_bytes(network)).view());
  return fmt::format("{}/{}{}", directory, kPrefix, name.substr(0, kFileNameDigits));
}

std::vector<net::Address> load_nodes(const std::string& path, const Log& log) {
  std::string problem;
  const auto text = read_file(path, problem);
  auto nodes = text ? parse(*text) : std::nullopt;
  if (text && !nodes) problem = "is damaged";
  if (!problem.empty()) log.warning("nodes", "{} {}; continuing without it", path, problem);
  return nodes ? std::move(*nodes) : std::vector<net::Address>();
}

void save_nodes(const std::string& path, const std::vector<net::Address>& nodes, const Log& log) {
  const fs::path directory = fs::path(path).parent_path();
  std::string text = fmt::format("{}\n", kFormat);
  for (std::size_t i = 0; i < std::min(nodes.size(), kMaxRememberedNodes); ++i) {
    text += nodes[i].to_string() + "\n";
  }
  const std::error_code error = replace_text_file(path, text);
  if (error) {
    log.info("nodes", "{} cannot be written: {}", path, error.message());
    return;
  }
  make_room(directory);
}

}  // namespace hsfwd::platform
