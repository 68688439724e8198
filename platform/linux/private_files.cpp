// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/private_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

namespace {

using Done = Result<void, std::string>;

// Every system has this directory, and nothing that happens here needs what is in it.
constexpr const char* kStage = "/proc";
constexpr const char* kNothing = "/proc/nothing";
constexpr const char* kLayerPath = "/proc/etc";
constexpr const char* kResolv = "resolv.conf";
constexpr const char* kSwitch = "nsswitch.conf";
constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr const char* kSmall = "mode=0755,size=256k,nr_inodes=64";
constexpr std::size_t kMaxSwitch = 64 * 1024;  // bytes of an nsswitch.conf; they have some hundred

// Sockets that answer names out of the host's network.
constexpr const char* kNameServices[] = {
    "/run/systemd/resolve", "/run/systemd/resolve.hook", "/run/systemd/machine", "/run/nscd",
    "/var/run/nscd",        "/run/avahi-daemon",
};
// That start programs in it, or do something there, for whoever asks.
constexpr const char* kServants[] = {
    "/run/dbus",
    "/run/docker.sock",
    "/run/docker",
    "/run/containerd",
    "/run/podman",
    "/run/crio",
    "/run/libvirt",
    "/var/lib/lxd/unix.socket",
    "/var/lib/incus/unix.socket",
    "/run/snapd.socket",
    "/run/snapd-snap.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
};
// The same, below the user's runtime directory.
constexpr const char* kOwnServants[] = {
    "bus", "dbus-1", "systemd", "docker.sock", "podman", "libvirt", "containerd-rootless"};

std::string from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

Done cannot_replace(const std::string& path, int error) {
  return Err(fmt::format("{} cannot be replaced for the program: {}", path,
                         std::system_category().message(error)));
}

Done attach(const char* what, const std::string& path, const char* type, unsigned long flags,
            const std::string& options) {
  if (mount(what, path.c_str(), type, flags, options.c_str()) != 0)
    return cannot_replace(path, errno);
  return {};
}

/// Nobody writes there any more.
Done freeze(const std::string& path) {
  return attach("none", path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kPlain, "");
}

Done write_new(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return cannot_replace(path, errno);
  }
  fchmod(file.get(), 0644);  // whatever the umask
  return {};
}

std::string read_some(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() <= kMaxSwitch ? text : "";
}

/// Where links lead to; the path itself if they lead nowhere.
std::string resolved(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

class PrivateFiles {
 public:
  explicit PrivateFiles(const std::string& resolv_conf)
      : files_{{kResolv, resolv_conf},
               {kSwitch, private_nsswitch(read_some("/etc/nsswitch.conf"))}} {
    for (File& file : files_) file.place = resolved(std::string("/etc/") + file.name);
  }

  Done make(EtcStyle style) {
    // What the host mounts later is seen here, and nothing of ours there.
    if (mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      return cannot_replace("/", errno);
    if (auto done = set_stage(); !done) return done;
    if (style != EtcStyle::kLayer || !lay_over()) style = EtcStyle::kFiles;
    for (const std::string& path : hidden_paths()) {
      if (auto done = hide(path); !done) return done;
    }
    if (style == EtcStyle::kFiles) {
      for (const File& file : files_) {
        if (auto done = put_over(file); !done) return done;
      }
    }
    for (const std::string& path : emptied_) {
      if (auto done = freeze(path); !done) return done;
    }
    if (umount2(kStage, MNT_DETACH) != 0) return cannot_replace(kStage, errno);
    // A container that hides parts of it does not let it be mounted anew; the old one shows more.
    static_cast<void>(mount("proc", "/proc", "proc", kPlain, nullptr));
    return {};
  }

 private:
  struct File {
    const char* name;
    std::string text;
    std::string place = {};  // what is behind the links
  };

  Done set_stage() {
    if (auto done = attach("tmpfs", kStage, "tmpfs", kPlain, kSmall); !done) return done;
    if (mkdir(kLayerPath, 0755) != 0) return cannot_replace(kLayerPath, errno);
    chmod(kLayerPath, 0755);
    for (const File& file : files_) {
      auto done = write_new(std::string(kLayerPath) + "/" + file.name, file.text);
      if (!done) return done;
    }
    return write_new(kNothing, "");
  }

  bool lay_over() {
    const std::string layers = fmt::format("lowerdir={}:/etc", kLayerPath);
    return mount("overlay", "/etc", "overlay", MS_NOSUID | MS_NODEV, layers.c_str()) == 0;
  }

  Done hide(const std::string& path) {
    struct stat info {};
    // Out of the user's reach, it is out of the program's.
    if (stat(path.c_str(), &info) != 0) return {};
    const std::string real = resolved(path);
    if (!hidden_.insert(real).second) return {};
    if (!S_ISDIR(info.st_mode)) return put(kNothing, real);
    emptied_.push_back(real);
    return attach("tmpfs", real, "tmpfs", kPlain, kSmall);
  }

  Done put_over(const File& file) {
    struct stat info {};
    if (stat(file.place.c_str(), &info) == 0) {
      return put(std::string(kLayerPath) + "/" + file.name, file.place);
    }
    // It was in what is empty now. One that the host has not is no matter, but for the servers.
    auto done = write_new(file.place, file.text);
    return file.name == kSwitch ? Done() : done;
  }

  Done put(const std::string& what, const std::string& place) {
    if (auto done = attach(what.c_str(), place, nullptr, MS_BIND, ""); !done) return done;
    return freeze(place);
  }

  File files_[2];
  std::set<std::string> hidden_;
  std::vector<std::string> emptied_;
};

}  // namespace

std::string private_nsswitch(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t length = line.substr(begin).find_first_of(" \t:");
    if (line.substr(begin, length) == "hosts") continue;
    out += line;
    out += '\n';
  }
  return out + "hosts: files dns\n";
}

std::vector<std::string> hidden_paths() {
  std::vector<std::string> paths(std::begin(kNameServices), std::end(kNameServices));
  paths.insert(paths.end(), std::begin(kServants), std::end(kServants));
  for (const std::string& folder :
       {fmt::format("/run/user/{}", geteuid()), from_environment("XDG_RUNTIME_DIR")}) {
    if (folder.empty() || folder.front() != '/') continue;
    for (const char* name : kOwnServants) paths.push_back(folder + "/" + name);
  }
  const std::string bus = from_environment("DBUS_SESSION_BUS_ADDRESS");
  constexpr std::string_view kPath = "unix:path=";
  if (bus.starts_with(kPath)) {
    paths.push_back(bus.substr(kPath.size(), bus.find_first_of(",;") - kPath.size()));
  }
  return paths;
}

Result<void, std::string> make_private_files(const std::string& resolv_conf, EtcStyle style) {
  return PrivateFiles(resolv_conf).make(style);
}

}  // namespace hsfwd::platform
