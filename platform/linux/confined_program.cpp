// SPDX-License-Identifier: Apache-2.0
// Outside of a confinement. The user that has made a user namespace has all rights over it from outside
// (user_namespaces(7)), so the tunnel is made and set up from here, with descriptors that were opened inside.
#include "platform/confined_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "platform/common/handle.hpp"
#include "platform/linux/confinement.hpp"
#include "platform/linux/confinement_channel.hpp"
#include "platform/linux/namespace_refusal.hpp"
#include "platform/linux/packet_tunnel.hpp"
#include "platform/signals.hpp"

namespace hsfwd::platform {

namespace {

constexpr unsigned long kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
constexpr std::array kProgramsSignals{SIGINT, SIGQUIT, SIGTERM, SIGHUP};
constexpr const char* kNoAnswer = "the process in the program's network does not answer";

// For the handler, which can be told nothing.
std::atomic<int> program_channel{-1};

// How often this process has gone on after a stop.
std::atomic<int> resumptions{0};

void count_resumption(int) {
  ++resumptions;
}

/// One from the terminal has reached the program, which is in the same group of processes.
void pass_on(int number, siginfo_t* info, void*) {
  const int before = errno;
  if (info->si_code != SI_KERNEL) send_word(program_channel, ConfinementWord::kSignal, number);
  errno = before;
}

/// As long as it lives, those signals go to the program. What was ignored stays ignored, as the program
/// has it.
class PassedSignals {
 public:
  explicit PassedSignals(int channel) {
    program_channel = channel;
    struct sigaction action {};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    for (std::size_t i = 0; i < before_.size(); ++i) {
      sigaction(kProgramsSignals[i], nullptr, &before_[i]);
      if (!ignored(before_[i])) sigaction(kProgramsSignals[i], &action, nullptr);
    }
    struct sigaction count {};
    count.sa_handler = count_resumption;
    count.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &count, &before_stop_);
  }
  ~PassedSignals() {
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (!ignored(before_[i])) sigaction(kProgramsSignals[i], &before_[i], nullptr);
    }
    sigaction(SIGCONT, &before_stop_, nullptr);
    program_channel = -1;
  }
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;

 private:
  static bool ignored(const struct sigaction& action) {
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
  }

  std::array<struct sigaction, kProgramsSignals.size()> before_{};
  struct sigaction before_stop_ {};
};

/// What our group of processes does beside the program, which may have the terminal for itself: we go on
/// writing there, and it is our group's again at the end if it was before.
class SharedTerminal {
 public:
  SharedTerminal()
      : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)), foreground_(is_foreground()) {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGTTOU, &ignore, &before_);
  }
  ~SharedTerminal() {
    // A shell that has taken it meanwhile is there.
    const pid_t group = foreground_ ? tcgetpgrp(fd_.get()) : -1;
    if (group > 1 && kill(-group, 0) != 0 && errno == ESRCH) tcsetpgrp(fd_.get(), getpgrp());
    sigaction(SIGTTOU, &before_, nullptr);
  }
  SharedTerminal(const SharedTerminal&) = delete;
  SharedTerminal& operator=(const SharedTerminal&) = delete;

  /// Keys are for our group.
  bool is_foreground() const { return fd_ && tcgetpgrp(fd_.get()) == getpgrp(); }

 private:
  UniqueFd fd_;
  bool foreground_;
  struct sigaction before_ {};
};

/// A job of a shell at a terminal, of which we are all there is.
bool is_job_of_its_own() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (isatty(fd) == 0) return false;
  }
  return getpgrp() == getpid() && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

std::string resolv_conf(const ProgramNames& names) {
  std::string text;
  for (const std::string& server : names.servers) text += "nameserver " + server + "\n";
  if (!names.search.empty()) text += fmt::format("search {}\n", fmt::join(names.search, " "));
  return text;
}

class LinuxConfinedProgram final : public ConfinedProgram {
 public:
  LinuxConfinedProgram(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}

  ~LinuxConfinedProgram() override {
    cancel();
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  /// What the process inside has to say first.
  Result<void, std::string> welcome() {
    auto parts = receive_parts();
    if (!parts) return Err(parts.error());
    parts_ = std::move(*parts);
    return {};
  }

  /// Those of a tunnel that is not made yet.
  Result<TunnelParts, std::string> take_parts() {
    if (parts_) return *std::exchange(parts_, std::nullopt);
    send_word(channel_.get(), ConfinementWord::kOpen);
    return receive_parts();
  }

  std::unique_ptr<net::PacketTunnelFactory> make_tunnels(Loop& loop) override;

  Result<void, ProgramFailure> start(Loop& loop, const ProgramNames& names,
                                     std::function<void(int)> on_end) override {
    terminal_.emplace();
    passed_.emplace(channel_.get());
    send_message(channel_.get(), {ConfinementWord::kStart, foreground(), resolv_conf(names), {}});
    const auto answer = receive_answer();
    if (!answer || answer->word == ConfinementWord::kRefused) {
      passed_.reset();
      return Err(answer ? ProgramFailure{answer->number, answer->text}
                        : ProgramFailure{.text = kNoAnswer});
    }
    on_end_ = std::move(on_end);
    poll_.emplace(loop, channel_.get(), [this](int) { listen(); });
    poll_->watch(UV_READABLE);
    children_.emplace(loop, std::vector{SIGCHLD}, [this](int) { reap(); });
    // It may have ended before there was somebody to hear of it.
    first_look_.emplace(loop.scheduler(), [this] { reap(); });
    first_look_->post();
    return {};
  }

  void signal(int number) override { send_word(channel_.get(), ConfinementWord::kSignal, number); }

  void cancel() override {
    on_end_ = nullptr;
    if (first_look_) first_look_->cancel();
    if (poll_) poll_->cancel();
    passed_.reset();
  }

 private:
  int foreground() const { return terminal_->is_foreground() ? 1 : 0; }

  /// The next that is not about the program's being stopped, which may come at any time.
  std::optional<ConfinementMessage> receive_answer() {
    for (;;) {
      auto message = receive_message(channel_.get(), true);
      if (message &&
          (message->word == ConfinementWord::kStopped || message->word == ConfinementWord::kHeld)) {
        if (poll_) hear(*message);
        continue;
      }
      return message;
    }
  }

  Result<TunnelParts, std::string> receive_parts() {
    auto message = receive_answer();
    if (!message) return Err(std::string(kNoAnswer));
    if (message->word == ConfinementWord::kRefused) return Err(message->text);
    auto& fds = message->descriptors;
    // Fewer, if this process may not have as many.
    if (fds.size() != 3) return Err(std::string("too many open files: raise ulimit -n"));
    return TunnelParts{std::move(fds[0]), std::move(fds[1]), std::move(fds[2])};
  }

  void listen() {
    while (const auto message = receive_message(channel_.get(), false)) hear(*message);
    if (errno != EAGAIN) poll_->cancel();  // it has ended, as the signal tells
  }

  /// From the terminal, all of the group is stopped at once, this process too, and finds the news when
  /// it goes on: it has to ask how things are by then, and an answer from before it was stopped is none.
  void hear(const ConfinementMessage& news) {
    if (news.word == ConfinementWord::kStopped) {
      send_word(channel_.get(), ConfinementWord::kAsk, resumptions);
    }
    if (news.word != ConfinementWord::kHeld || news.number != resumptions) return;
    kill(getpid(), SIGSTOP);
    send_word(channel_.get(), ConfinementWord::kResume, foreground());
  }

  void reap() {
    int status = 0;
    if (pid_ == 0 || waitpid(pid_, &status, WNOHANG) != pid_) return;
    pid_ = 0;
    const int exit_code =
        WIFEXITED(status) ? WEXITSTATUS(status) : kExitBySignal + WTERMSIG(status);
    const auto on_end = std::move(on_end_);
    passed_.reset();
    poll_->cancel();
    if (on_end) on_end(exit_code);
  }

  pid_t pid_;  // 0: it is gone
  const UniqueFd channel_;
  std::optional<TunnelParts> parts_;
  std::optional<SharedTerminal> terminal_;
  std::function<void(int)> on_end_;
  std::optional<PassedSignals> passed_;
  std::optional<Poll> poll_;
  std::optional<Signals> children_;
  std::optional<Task> first_look_;
};

class ConfinedTunnelFactory final : public net::PacketTunnelFactory {
 public:
  ConfinedTunnelFactory(Loop& loop, LinuxConfinedProgram& program)
      : loop_(loop), program_(program) {}

  Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> open(
      const net::TunnelSettings& settings, net::PacketTunnelObserver& observer) override {
    std::string problem = net::problem_with(settings);
    if (!problem.empty()) return Err(net::TunnelError{std::move(problem)});
    auto parts = program_.take_parts();
    if (!parts) return Err(net::TunnelError{parts.error()});
    // Our datagrams go out to another network.
    net::TunnelSettings unmarked = settings;
    unmarked.firewall_mark.reset();
    unmarked.kill_switch = false;
    return make_packet_tunnel(loop_, std::move(*parts), unmarked, observer);
  }

 private:
  Loop& loop_;
  LinuxConfinedProgram& program_;
};

std::unique_ptr<net::PacketTunnelFactory> LinuxConfinedProgram::make_tunnels(Loop& loop) {
  return std::make_unique<ConfinedTunnelFactory>(loop, *this);
}

}  // namespace

Result<std::unique_ptr<ConfinedProgram>, std::string> ConfinedProgram::prepare(Words command) {
  ConfinementChannel channel = open_channel();
  if (!channel.outside) return Err("cannot start: " + std::system_category().message(errno));
  // Who starts us may have ignored it, and nobody would hear of an end.
  std::signal(SIGCHLD, SIG_DFL);
  const ConfinedUser user{geteuid(), getegid()};
  const ConfinedCommand confined{std::move(command),
                                 is_job_of_its_own() ? ProgramGroup::kOwn : ProgramGroup::kOurs};
  // As fork(2), but into the namespaces. There are no threads whose locks the copy could find taken.
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, kNamespaces | SIGCHLD, 0, 0, 0, 0));
  if (pid < 0) return Err(namespace_refusal(errno));
  if (pid == 0) {
    channel.outside.reset();
    live_in_confinement(std::move(channel.inside), user, confined);
  }
  channel.inside.reset();
  auto program = std::make_unique<LinuxConfinedProgram>(pid, std::move(channel.outside));
  if (auto welcome = program->welcome(); !welcome) return Err(welcome.error());
  return std::unique_ptr<ConfinedProgram>(std::move(program));
}

}  // namespace hsfwd::platform
