// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/confinement.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "platform/linux/confinement_channel.hpp"
#include "platform/linux/namespace_refusal.hpp"
#include "platform/linux/netlink.hpp"
#include "platform/linux/packet_tunnel.hpp"
#include "platform/linux/private_files.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr int kFailed = 1;
// As shells have them (POSIX.1-2017, 2.8.2).
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
constexpr int kLoopback = 1;  // the first interface of every network

/// Files of /proc take what they are given in one write, or not.
bool write_to(const char* path, const std::string& text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool map_user(ConfinedUser user) {
  // Without it no group may be mapped by who has no privilege.
  if (!write_to("/proc/self/setgroups", "deny")) return false;
  return write_to("/proc/self/uid_map", fmt::format("{0} {0} 1", user.uid)) &&
         write_to("/proc/self/gid_map", fmt::format("{0} {0} 1", user.gid));
}

bool set_loopback_up() {
  auto netlink = Netlink::open();
  return netlink && netlink->set_up(kLoopback).ok();
}

/// Also none that a file has, or that its user would have by being root. The one that the file of ping(8) has
/// stays in the bounding set, since the kernel does not run a file that wants more than that; with no new
/// privileges the program does not get it.
bool drop_privileges() {
  for (unsigned long right = 0; prctl(PR_CAPBSET_READ, right, 0, 0, 0) >= 0; ++right) {
    if (right != CAP_NET_RAW && prctl(PR_CAPBSET_DROP, right, 0, 0, 0) != 0) return false;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/// A pipe or a file that a shell has opened for the program is its own; a socket is of the host's
/// network, and a directory leads around what is hidden.
void close_what_leads_outside() {
  DIR* const list = opendir("/proc/self/fd");
  if (list == nullptr) {
    for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) close(fd);
    return;
  }
  while (const dirent* const entry = readdir(list)) {
    const int fd = static_cast<int>(std::strtol(entry->d_name, nullptr, 10));  // 0: "." and ".."
    struct stat info {};
    if (fd <= STDERR_FILENO || fd == dirfd(list) || fstat(fd, &info) != 0) continue;
    if (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISCHR(info.st_mode)) continue;
    close(fd);
  }
  closedir(list);
}

/// A shell says of a command that is nowhere in $PATH that it is not there, also if some of those
/// directories are out of reach, which is what the system says.
bool is_there(const std::string& command) {
  if (command.find('/') != std::string::npos) return true;
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    folder.append("/").append(command);
    if (access(folder.c_str(), F_OK) == 0) return true;
  }
  return false;
}

class Confinement {
 public:
  Confinement(UniqueFd channel, ConfinedUser user, const ConfinedCommand& command)
      : channel_(std::move(channel)), user_(user), command_(command) {}

  /// The exit code.
  int live() {
    if (!enter()) return kFailed;
    offer_parts();
    while (!ended_) {
      pollfd ready[] = {{channel_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}};
      if (poll(ready, 2, -1) < 0 && errno != EINTR) return kFailed;
      if (ready[1].revents != 0) reap();
      if (ready[0].revents != 0 && !ended_ && !listen()) return kFailed;
    }
    return *ended_;
  }

 private:
  bool enter() {
    // Not earlier: what changes the rights of a process takes this back.
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Else the files below are root's. Nothing that is secret is in this memory.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (!map_user(user_) || !set_loopback_up()) return refuse(kFailed, namespace_refusal(errno));
    // So that ping takes no privilege. A container may have the file read-only.
    write_to("/proc/sys/net/ipv4/ping_group_range", fmt::format("{0} {0}", user_.gid));
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask_before_);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    children_ = UniqueFd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    return children_ || refuse(kFailed, std::system_category().message(errno));
  }

  /// False, for who returns it.
  bool refuse(int exit_code, const std::string& text) {
    send_message(channel_.get(), {ConfinementWord::kRefused, exit_code, text, {}});
    return false;
  }

  void offer_parts() {
    auto parts = open_tunnel_parts();
    if (!parts) {
      refuse(kFailed, parts.error());
      return;
    }
    ConfinementMessage message{ConfinementWord::kParts, 0, {}, {}};
    message.descriptors.push_back(std::move(parts->device));
    message.descriptors.push_back(std::move(parts->netlink));
    message.descriptors.push_back(std::move(parts->news));
    send_message(channel_.get(), message);
  }

  /// False when nobody is outside any more.
  bool listen() {
    const auto message = receive_message(channel_.get(), false);
    if (!message) return errno == EAGAIN;
    if (message->word == ConfinementWord::kOpen) offer_parts();
    if (message->word == ConfinementWord::kStart) return start(*message);
    if (message->word == ConfinementWord::kSignal) pass(message->number);
    if (program_ <= 0) return true;
    if (message->word == ConfinementWord::kResume) resume(message->number == 1);
    if (message->word == ConfinementWord::kAsk) {
      stopped_ = is_stopped();
      if (stopped_) send_word(channel_.get(), ConfinementWord::kHeld, message->number);
    }
    return true;
  }

  void pass(int number) {
    if (program_ > 0) {
      kill(program_, number);
    } else {
      early_ = number;
    }
  }

  void resume(bool foreground) {
    const bool own = command_.group == ProgramGroup::kOwn;
    if (own && foreground) tcsetpgrp(STDIN_FILENO, program_);
    kill(own ? -program_ : program_, SIGCONT);
  }

  bool start(const ConfinementMessage& order) {
    if (auto done = make_private_files(order.text); !done) return refuse(kFailed, done.error());
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return refuse(kFailed, std::system_category().message(errno));
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    program_ = fork();
    if (program_ < 0) return refuse(kFailed, std::system_category().message(errno));
    if (program_ == 0) become_program(writer.get(), order.number == 1);
    writer.reset();
    int error = 0;
    ssize_t size = -1;
    while ((size = read(reader.get(), &error, sizeof error)) < 0 && errno == EINTR) {
    }
    if (size == 0) {
      if (early_ != 0) pass(early_);
      return send_word(channel_.get(), ConfinementWord::kStarted);
    }
    const std::string& name = command_.words.front();
    if (error == EACCES && !is_there(name)) error = ENOENT;
    const bool absent = error == ENOENT || error == ENOTDIR;
    return refuse(
        absent ? kNotFound : kCannotRun,
        fmt::format("cannot run {}: {}", in_quotes(name), std::system_category().message(error)));
  }

  [[noreturn]] void become_program(int errors, bool foreground) {
    if (command_.group == ProgramGroup::kOwn) {
      setpgid(0, 0);
      // It may, though in the background: the signal that would stop it is blocked.
      if (foreground) tcsetpgrp(STDIN_FILENO, getpid());
    }
    std::vector<char*> words;
    for (const std::string& word : command_.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    close_what_leads_outside();
    if (drop_privileges()) {
      sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
      execvp(words.front(), words.data());
    }
    const int error = errno;
    static_cast<void>(!write(errors, &error, sizeof error));
    _exit(kFailed);
  }

  void reap() {
    signalfd_siginfo news;
    while (read(children_.get(), &news, sizeof news) > 0) {
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != program_) continue;
      ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : kExitBySignal + WTERMSIG(status);
    }
    const bool was_stopped = std::exchange(stopped_, !ended_ && is_stopped());
    if (stopped_ && !was_stopped) send_word(channel_.get(), ConfinementWord::kStopped);
  }

  /// Now: the news of it is left where it is, and vanishes when the program goes on or ends.
  bool is_stopped() const {
    siginfo_t news{};
    return program_ > 0 &&
           waitid(P_PID, static_cast<id_t>(program_), &news, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
           news.si_pid == program_;
  }

  const UniqueFd channel_;
  const ConfinedUser user_;
  const ConfinedCommand& command_;
  UniqueFd children_;  // tells of them
  sigset_t mask_before_{};
  pid_t program_ = 0;
  int early_ = 0;  // the signal that came before there was a program
  bool stopped_ = false;
  std::optional<int> ended_;
};

}  // namespace

void live_in_confinement(UniqueFd channel, ConfinedUser user, const ConfinedCommand& command) {
  int exit_code = kFailed;
  try {
    exit_code = Confinement(std::move(channel), user, command).live();
  } catch (const std::exception&) {
    // Memory: whoever is outside finds the channel closed.
  }
  _exit(exit_code);
}

}  // namespace hsfwd::platform
