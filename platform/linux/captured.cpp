// SPDX-License-Identifier: Apache-2.0
#include "platform/captured.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "platform/unique_fd.hpp"

extern char** environ;

namespace hsfwd::platform {

namespace {

using Clock = std::chrono::steady_clock;

class Child {
 public:
  explicit Child(const std::vector<std::string>& words) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      out_.problem = std::strerror(errno);
      return;
    }
    output_ = UniqueFd(ends[0]);
    const UniqueFd input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int error =
        posix_spawnp(&pid_, arguments.front(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return;
    pid_ = -1;
    output_ = UniqueFd();
    out_.problem = error == ENOENT ? "it is not there" : std::strerror(error);
  }

  bool over() const { return !output_; }
  int output() const { return output_.get(); }

  void read_some(std::size_t most) {
    std::array<char, 16 * 1024> chunk;
    const ssize_t size = read(output_.get(), chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) return;
    if (size <= 0) {
      output_ = UniqueFd();
      return;
    }
    const std::size_t room = most - std::min(most, out_.text.size());
    out_.text.append(chunk.data(), std::min(room, static_cast<std::size_t>(size)));
    if (room < static_cast<std::size_t>(size)) out_.problem = "it says more than fits here";
  }

  /// Whoever has closed its output may go on running.
  Captured end(Clock::time_point deadline) {
    if (pid_ < 0) return std::move(out_);
    if (output_) out_.problem = "it took too long";
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (Clock::now() >= deadline) {
        kill(pid_, SIGKILL);
        waitpid(pid_, &status, 0);
        out_.problem = "it took too long";
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    out_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return std::move(out_);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  Captured out_;
};

}  // namespace

std::vector<Captured> run_captured(const std::vector<std::vector<std::string>>& commands,
                                   Duration at_most, std::size_t most) {
  const auto deadline = Clock::now() + std::chrono::microseconds(at_most.to_micros());
  std::vector<Child> children;
  children.reserve(commands.size());
  for (const auto& words : commands) children.emplace_back(words);
  for (;;) {
    std::vector<pollfd> waits;
    std::vector<Child*> of;
    for (Child& child : children) {
      if (child.over()) continue;
      waits.push_back({child.output(), POLLIN, 0});
      of.push_back(&child);
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (waits.empty() || left <= 0) break;
    if (poll(waits.data(), waits.size(), static_cast<int>(left)) <= 0) continue;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].revents != 0) of[i]->read_some(most);
    }
  }
  std::vector<Captured> out;
  for (Child& child : children) out.push_back(child.end(deadline));
  return out;
}

std::string own_program() {
  std::array<char, 4096> path;
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "hsfwd";
}

}  // namespace hsfwd::platform
