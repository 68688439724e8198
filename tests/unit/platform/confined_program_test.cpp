// SPDX-License-Identifier: Apache-2.0
// Programs in a network of their own: real ones, for a user without privileges, on a host that is made
// for the test.
//
//     the host:  lo, host0 10.99.0.1, an abstract socket, sockets in /run       the user: 65534
//     the program's network:  lo, hsfwd0 10.77.0.1 and fd77::1
#include "platform/confined_program.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "platform/linux/namespace_refusal.hpp"
#include "platform/linux/private_files.hpp"
#include "scratch.hpp"
#include "tunnel_place.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

constexpr unsigned kUser = 65534;
constexpr std::uint16_t kPort = 4711;
const ProgramNames kNames{{"fd77::53"}, {"hsfwd"}};

bool write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return file.good();
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// --- What a program tries ---

UniqueFd unix_socket(const std::string& name, sockaddr_un& address, socklen_t& size) {
  address = {};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path);
  if (name.front() == '@') address.sun_path[0] = '\0';
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool reaches_socket(const std::string& name) {
  sockaddr_un address;
  socklen_t size;
  const UniqueFd fd = unix_socket(name, address, size);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

bool reaches_host(net::Ipv4 host) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_in address = to_sockaddr({host, kPort});
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return true;
  if (errno != EINPROGRESS) return false;
  pollfd ready{fd.get(), POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  return poll(&ready, 1, 2000) == 1 &&
         getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/// All that there is of the host, and can be reached.
std::string reached() {
  std::string out;
  if (reaches_host(net::Ipv4::of(127, 0, 0, 1))) out += "loopback ";
  if (reaches_host(net::Ipv4::of(10, 99, 0, 1))) out += "interface ";
  for (const char* name : {"@hsfwd-test", "/run/docker.sock", "/run/systemd/resolve/names",
                           "/run/nscd/socket", "/run/user/65534/bus", "/run/other"}) {
    if (reaches_socket(name)) out += std::string(name) + " ";
  }
  return out;
}

/// This program again, as another one, see the cases at the end; its last line is their answer.
std::string probe(const std::string& what) {
  return std::filesystem::read_symlink("/proc/self/exe").string() + " '[." + what + "]' | tail -1";
}

// --- The host ---

UniqueFd listen_at(int family, const sockaddr* address, socklen_t size) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), address, size) == 0);
  REQUIRE(listen(fd.get(), 64) == 0);
  return fd;
}

struct Host {
  Host() {
    const sockaddr_in any = to_sockaddr({net::Ipv4::any(), kPort});
    listeners.push_back(listen_at(AF_INET, reinterpret_cast<const sockaddr*>(&any), sizeof any));
    for (const char* folder :
         {"/run/systemd", "/run/systemd/resolve", "/run/nscd", "/run/user", "/run/user/65534"}) {
      mkdir(folder, 0755);
    }
    for (const char* name : {"@hsfwd-test", "/run/docker.sock", "/run/systemd/resolve/names",
                             "/run/nscd/socket", "/run/user/65534/bus", "/run/other"}) {
      sockaddr_un address;
      socklen_t size;
      unix_socket(name, address, size);
      listeners.push_back(listen_at(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), size));
      if (*name != '@') chmod(name, 0777);
    }
  }
  std::vector<UniqueFd> listeners;
};

/// A host whose files may be changed, and a device that every user may open, as most have it.
bool make_host(mode_t mode = 0666) {
  if (!tunnels_possible() || unshare(CLONE_NEWNS) != 0) return false;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0) return false;
  if (mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755") != 0) return false;
  if (mknod("/dev/net/tun", S_IFCHR, makedev(10, 200)) != 0) return false;
  return chmod("/dev/net/tun", mode) == 0 &&
         run("ip link set lo up && ip link add host0 type veth peer name host1 && "
             "ip addr add 10.99.0.1/24 dev host0 && ip link set host0 up && ip link set host1 up");
}

void become_user() {
  REQUIRE(setgroups(0, nullptr) == 0);
  REQUIRE(setresgid(kUser, kUser, kUser) == 0);
  REQUIRE(setresuid(kUser, kUser, kUser) == 0);
}

net::TunnelSettings tunnel_settings() {
  net::TunnelSettings settings = usual_settings();
  settings.addresses.push_back(kHereV6);
  settings.routes = {{.to = *ip::Prefix::parse("fdae:7d21:d73d::/48")}};
  return settings;
}

// --- The program ---

using Prepared = std::unique_ptr<ConfinedProgram>;

Prepared prepared(const ConfinedProgram::Words& command) {
  auto program = ConfinedProgram::prepare(command);
  if (!program) FAIL(program.error());
  return std::move(*program);
}

/// A shell with a script, and what it has written.
struct Running : RealLoop {
  explicit Running(const std::string& script)
      : Running(ConfinedProgram::Words{"sh", "-c", "exec >" + kOut() + "\n" + script}) {}
  explicit Running(const ConfinedProgram::Words& command)
      : program(prepared(command)), factory(program->make_tunnels(loop)) {}
  // Where both the test and its user may write.
  static std::string kOut() { return "/run/out/text"; }

  void open() { tunnel = opened(*factory, recorder, tunnel_settings()); }
  Result<void, ProgramFailure> start() {
    return program->start(loop, kNames, [this](int code) { exit_code = code; });
  }
  /// What it has written when it has ended.
  std::string finish() {
    open();
    const auto started = start();
    if (!started) FAIL(started.error().text);
    REQUIRE(run_until([this] { return exit_code.has_value(); }));
    return read_text(kOut());
  }
  ProgramFailure failure() {
    const auto started = start();
    REQUIRE_FALSE(started.ok());
    return started.error();
  }

  Prepared program;
  std::unique_ptr<net::PacketTunnelFactory> factory;
  TunnelRecorder recorder;
  std::unique_ptr<net::PacketTunnel> tunnel;
  std::optional<int> exit_code;
};

/// The host, with a folder for what programs write, and our user.
bool make_user_of_host() {
  if (!make_host()) return false;
  mkdir("/run/out", 0777);
  chmod("/run/out", 0777);
  return true;
}

#define REQUIRE_HOST()                          \
  if (!make_user_of_host()) return kNotAllowed; \
  const Host host;                              \
  become_user()

int finds_its_network() {
  REQUIRE_HOST();
  Running running(
      "id -u; ip -o link | cut -d: -f2; ip -6 route | grep -v fe80 | sed 's/ proto.*//'\n"
      "cat /etc/resolv.conf; grep ^hosts /etc/nsswitch.conf; grep -c ^passwd /etc/nsswitch.conf\n"
      "tr '\\t' ' ' </proc/sys/net/ipv4/ping_group_range; ls /proc | grep -c '^[0-9]'");
  REQUIRE(running.finish() ==
          "65534\n lo\n hsfwd0\nfd77::/64 dev hsfwd0\nfdae:7d21:d73d::/48 dev hsfwd0\n"
          "nameserver fd77::53\nsearch hsfwd\nhosts: files dns\n1\n65534 65534\n4\n");
  REQUIRE(running.exit_code == 0);
  return 0;
}

int reaches_nothing_else() {
  REQUIRE_HOST();
  // All of it is there, and what is not hidden stays.
  REQUIRE(reached() ==
          "loopback interface @hsfwd-test /run/docker.sock /run/systemd/resolve/names "
          "/run/nscd/socket /run/user/65534/bus /run/other ");
  Running running(probe("reach"));
  REQUIRE(running.finish() == "/run/other \n");
  REQUIRE(running.exit_code == 0);
  return 0;
}

int packets() {
  REQUIRE_HOST();
  Running running(probe("talk"));
  running.recorder.then = [&](net::PacketTunnel& tunnel) {
    if (running.recorder.said().empty()) return;
    Outbound answer({udp_packet(kThere, kHere, Bytes{'y', 'o'})});
    tunnel.write(answer.packets());
  };
  REQUIRE(running.finish() == "yo\n");
  REQUIRE((running.recorder.said().front() == Bytes{'h', 'i'}));
  const auto to_key = [](const Bytes& packet) {
    const Bytes address{0xfd, 0xae, 0x7d, 0x21, 0xd7, 0x3d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return packet.size() >= 40 && packet[0] >> 4 == 6 &&
           equal(ByteView(packet).subspan(24, 16), address);
  };
  const auto& heard = running.recorder.heard;
  REQUIRE(std::any_of(heard.begin(), heard.end(), to_key));
  return 0;
}

int no_privileges() {
  REQUIRE_HOST();
  Running running(
      "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status | tr -d '\\t'\n"
      "ip link set lo down 2>/dev/null && echo changed; umount /etc 2>/dev/null && echo shown\n"
      "unshare -Urm true || echo no namespaces of its own\n"
      "unshare -Urm umount /etc 2>/dev/null && echo shown by another\n"
      "unshare -Urm umount /run/nscd 2>/dev/null && echo shown by another\n"
      // The process that has brought it here has privileges, and does not give them away.
      "head -c 1 /proc/1/environ >/dev/null 2>&1 && echo read; kill -KILL 1; true");
  REQUIRE(running.finish() ==
          "CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\n"
          "CapBnd:0000000000002000\nCapAmb:0000000000000000\nNoNewPrivs:1\n");
  return 0;
}

/// Root has privileges by being root; not in there.
int of_root() {
  if (!make_user_of_host()) return kNotAllowed;
  Running running("id -u; grep -E '^Cap(Prm|Eff)' /proc/self/status | tr -d '\\t'");
  REQUIRE(running.finish() == "0\nCapPrm:0000000000000000\nCapEff:0000000000000000\n");
  return 0;
}

int exit_codes() {
  REQUIRE_HOST();
  const auto code_of = [](const std::string& script) {
    Running running(script);
    running.finish();
    return *running.exit_code;
  };
  REQUIRE(code_of("exit 7") == 7);
  REQUIRE(code_of("kill -KILL $$") == 128 + SIGKILL);
  REQUIRE(code_of("ulimit -c 0; kill -SEGV $$") == 128 + SIGSEGV);
  // Children of others are none of its business.
  REQUIRE(code_of("(sh -c 'sleep 0.01; exit 3' &); (exit 4); exit 5") == 5);
  const ProgramFailure absent = Running(ConfinedProgram::Words{"no-such-program"}).failure();
  REQUIRE(absent.exit_code == 127);
  REQUIRE(absent.text == "cannot run 'no-such-program': No such file or directory");
  const ProgramFailure folder = Running(ConfinedProgram::Words{"/run"}).failure();
  REQUIRE(folder.exit_code == 126);
  REQUIRE(folder.text == "cannot run '/run': Permission denied");
  return 0;
}

int signals() {
  REQUIRE_HOST();
  for (const auto& [number, name] :
       {std::pair{SIGTERM, "TERM"}, {SIGINT, "INT"}, {SIGHUP, "HUP"}}) {
    Running running(std::string("trap 'echo ") + name + "; exit 9' " + name +
                    "; echo ready; while :; do sleep 0.01; done");
    running.open();
    REQUIRE(running.start().ok());
    REQUIRE(running.run_until([] { return read_text(Running::kOut()) == "ready\n"; }));
    kill(getpid(), number);
    REQUIRE(running.run_until([&] { return running.exit_code.has_value(); }));
    REQUIRE(running.exit_code == 9);
    REQUIRE(read_text(Running::kOut()) == std::string("ready\n") + name + "\n");
  }
  return 0;
}

/// The processes that have this among their arguments.
std::vector<int> processes(const std::string& argument) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::istringstream words(read_text(entry.path().string() + "/cmdline"));
    for (std::string word; std::getline(words, word, '\0');) {
      if (word == argument) {
        found.push_back(pid);
        break;
      }
    }
  }
  return found;
}

std::string unlikely_seconds() {
  return "8" + std::to_string(getpid()) + "." + std::to_string(getppid());
}

bool comes_true(const std::function<bool()>& holds) {
  return RealLoop().run_until(holds);
}

/// The one that we have is killed; the program, and what it has put into the background, go.
int outside_killed() {
  REQUIRE_HOST();
  const std::string seconds = unlikely_seconds();
  const pid_t child = fork();
  if (child == 0) {
    Running running("setsid sleep " + seconds + " & sleep " + seconds);
    running.open();
    if (!running.start()) _exit(1);
    running.run_until([] { return false; });
    _exit(1);
  }
  REQUIRE(comes_true([&] { return processes(seconds).size() == 2; }));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  REQUIRE(comes_true([&] { return processes(seconds).empty(); }));
  return 0;
}

int before_the_start() {
  REQUIRE_HOST();
  Prepared program = prepared({"true"});
  const std::string mine = std::to_string(getpid());
  const auto children = [&] { return read_text("/proc/" + mine + "/task/" + mine + "/children"); };
  REQUIRE_FALSE(children().empty());
  program.reset();
  REQUIRE(children().empty());
  return 0;
}

int inside_killed() {
  REQUIRE_HOST();
  const std::string seconds = unlikely_seconds();
  Running running("setsid sleep " + seconds + " & sleep " + seconds);
  running.open();
  REQUIRE(running.start().ok());
  REQUIRE(running.run_until([&] { return processes(seconds).size() == 2; }));
  const std::string mine = std::to_string(getpid());
  kill(std::stoi(read_text("/proc/" + mine + "/task/" + mine + "/children")), SIGKILL);
  REQUIRE(running.run_until([&] { return running.exit_code.has_value(); }));
  REQUIRE(running.exit_code == 128 + SIGKILL);
  REQUIRE(processes(seconds).empty());
  return 0;
}

int with_the_program() {
  REQUIRE_HOST();
  const std::string seconds = unlikely_seconds();
  Running running("setsid sleep " + seconds + " & exit 3");
  running.finish();
  REQUIRE(running.exit_code == 3);
  REQUIRE(processes(seconds).empty());
  return 0;
}

int given_descriptors() {
  REQUIRE_HOST();
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(dup2(ends[0], 11) == 11);
  REQUIRE(dup2(socket(AF_INET, SOCK_STREAM, 0), 12) == 12);
  REQUIRE(dup2(open("/", O_RDONLY | O_DIRECTORY), 13) == 13);
  Running running("for fd in 11 12 13; do [ -e /proc/self/fd/$fd ] && echo $fd; done; true");
  REQUIRE(running.finish() == "11\n");
  return 0;
}

/// From outside, while the program runs; and what happens to the interface is heard of.
int changes() {
  REQUIRE_HOST();
  Running running(
      "until grep -q 1300 /sys/class/net/hsfwd0/mtu 2>/dev/null || ip link show hsfwd0 | grep -q "
      "'mtu 1300'; do sleep 0.01; done");
  running.open();
  REQUIRE(running.start().ok());
  REQUIRE(running.tunnel->set_mtu(1300).ok());
  REQUIRE(running.run_until([&] { return running.exit_code == 0; }));
  REQUIRE(running.tunnel->mtu() == 1300);
  return 0;
}

int second_tunnel() {
  REQUIRE_HOST();
  Running running("ip -o link | wc -l");
  running.open();
  TunnelRecorder recorder;
  const auto second = opened(*running.factory, recorder, {.mtu = 1400});
  REQUIRE(second->name() == "hsfwd1");
  REQUIRE(running.start().ok());
  REQUIRE(running.run_until([&] { return running.exit_code.has_value(); }));
  REQUIRE(read_text(Running::kOut()) == "3\n");
  return 0;
}

// --- At a terminal ---

/// A terminal, of which the calling process is the shell from now on.
struct Terminal {
  Terminal() : keyboard(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE(unlockpt(keyboard.get()) == 0);
    REQUIRE(setsid() > 0);
    screen = UniqueFd(open(ptsname(keyboard.get()), O_RDWR | O_CLOEXEC));
    REQUIRE(screen);
    // As a shell does, to take the terminal back from the background.
    ::signal(SIGTTOU, SIG_IGN);
  }
  /// Hangs up, which a shell is told of.
  ~Terminal() { ::signal(SIGHUP, SIG_IGN); }

  void type(std::string_view keys) {
    REQUIRE(write(keyboard.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }

  UniqueFd keyboard;
  UniqueFd screen;
};

/// Starts us, with a program, in the foreground; as a job that is at the terminal alone, if wanted.
pid_t start_in_foreground(const Terminal& terminal, const std::string& script, bool alone = false) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    tcsetpgrp(terminal.screen.get(), getpid());
    ::signal(SIGTTOU, SIG_DFL);
    for (int fd = 0; alone && fd <= STDERR_FILENO; ++fd) dup2(terminal.screen.get(), fd);
    std::optional<int> exit_code;
    {
      Running running(script);
      running.open();
      if (!running.start()) _exit(1);
      running.run_until([&] { return running.exit_code.has_value(); });
      exit_code = running.exit_code;
    }
    _exit(exit_code.value_or(1));
  }
  return child;
}

bool stops(pid_t child) {
  int status = 0;
  return waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status);
}

bool ends_well(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WUNTRACED) != child) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  UNSCOPED_INFO("status " << status);
  return false;
}

bool has_written(const std::string& text) {
  return comes_true([&] { return read_text(Running::kOut()) == text; });
}

std::string children_of(const std::string& pid) {
  std::string text = read_text("/proc/" + pid + "/task/" + pid + "/children");
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

/// The program of `child` is stopped, and its parent has taken note.
bool program_is_stopped(pid_t child) {
  const std::string inside = children_of(std::to_string(child));
  const std::string stat = read_text("/proc/" + children_of(inside) + "/stat");
  const std::string status = read_text("/proc/" + inside + "/status");
  constexpr std::string_view kPending = "ShdPnd:\t";
  const std::size_t at = status.find(kPending);
  if (at == std::string::npos || stat.find(") T ") == std::string::npos) return false;
  const auto pending = std::stoull(status.substr(at + kPending.size()), nullptr, 16);
  return (pending & 1U << (SIGCHLD - 1)) == 0 && status.find("State:\tS") != std::string::npos;
}

/// The shell starts nothing meanwhile: one that waits for a program to start is stopped only then.
int keys() {
  REQUIRE_HOST();
  Terminal terminal;
  const pid_t child = start_in_foreground(terminal,
                                          "trap 'echo interrupted' INT; echo ready\n"
                                          "until [ -e /run/out/end ]; do :; done; echo end");
  REQUIRE(has_written("ready\n"));
  terminal.type("\x03");
  REQUIRE(has_written("ready\ninterrupted\n"));
  terminal.type("\x1a");
  REQUIRE(stops(child));
  REQUIRE(comes_true([&] { return program_is_stopped(child); }));
  REQUIRE(write_text("/run/out/end", ""));
  kill(-child, SIGCONT);
  REQUIRE(ends_well(child));
  REQUIRE(read_text(Running::kOut()) == "ready\ninterrupted\nend\n");
  return 0;
}

/// A program that has left the terminal does not get its keys from us.
int keys_of_others() {
  REQUIRE_HOST();
  Terminal terminal;
  const pid_t child = start_in_foreground(
      terminal,
      "exec setsid sh -c \"trap 'echo interrupted' INT; trap 'echo asked; exit' TERM; echo ready\n"
      "while :; do sleep 0.01; done\"");
  REQUIRE(has_written("ready\n"));
  terminal.type("\x03");
  std::string screen;
  while (screen.find("^C") == std::string::npos) {  // what it shows when it has passed the key on
    char letter = 0;
    REQUIRE(read(terminal.keyboard.get(), &letter, 1) == 1);
    screen += letter;
  }
  kill(child, SIGTERM);
  REQUIRE(ends_well(child));
  REQUIRE(read_text(Running::kOut()) == "ready\nasked\n");
  return 0;
}

/// As ssh does when it is told to, by keys of its own.
int program_stops() {
  REQUIRE_HOST();
  Terminal terminal;
  const pid_t child = start_in_foreground(terminal, "echo ready; kill -STOP $$; echo again");
  REQUIRE(stops(child));
  REQUIRE(read_text(Running::kOut()) == "ready\n");
  kill(child, SIGCONT);
  REQUIRE(ends_well(child));
  REQUIRE(read_text(Running::kOut()) == "ready\nagain\n");
  return 0;
}

/// The job that the keys are for: the program, which stops and goes on with us.
int job_at_terminal() {
  REQUIRE_HOST();
  Terminal terminal;
  const pid_t child = start_in_foreground(
      terminal, "set -m; echo ready; sh -c 'read line; echo $line'; read line; echo $line", true);
  REQUIRE(has_written("ready\n"));
  terminal.type("one\n");
  REQUIRE(has_written("ready\none\n"));
  terminal.type("\x1a");
  // What stops in a shell, or does not, is no matter of ours.
  terminal.type("two\n");
  REQUIRE(ends_well(child));
  REQUIRE(read_text(Running::kOut()) == "ready\none\ntwo\n");
  REQUIRE(tcgetpgrp(terminal.screen.get()) == child);
  return 0;
}

int job_stops() {
  REQUIRE_HOST();
  Terminal terminal;
  const pid_t child = start_in_foreground(terminal, "echo ready; read line; echo $line", true);
  REQUIRE(has_written("ready\n"));
  terminal.type("\x1a");
  REQUIRE(stops(child));
  // What a shell does: it takes the terminal, and gives it back.
  tcsetpgrp(terminal.screen.get(), getpgrp());
  tcsetpgrp(terminal.screen.get(), child);
  kill(-child, SIGCONT);
  terminal.type("one\n");
  REQUIRE(ends_well(child));
  REQUIRE(read_text(Running::kOut()) == "ready\none\n");
  return 0;
}

// --- Where it is not allowed ---

std::string refusal() {
  const auto program = ConfinedProgram::prepare({"true"});
  return program ? "none" : program.error();
}

int no_namespaces() {
  // In a user namespace of ours the limit is ours to set.
  if (!make_host() || unshare(CLONE_NEWUSER) != 0 || !write_text("/proc/self/uid_map", "0 0 1\n") ||
      !write_text("/proc/sys/user/max_user_namespaces", "0\n")) {
    return kNotAllowed;
  }
  REQUIRE(refusal() ==
          "a program cannot have a network of its own here: user.max_user_namespaces is 0; an "
          "administrator allows it with sysctl -w user.max_user_namespaces=10000");
  return 0;
}

int no_device() {
  if (!make_host()) return kNotAllowed;
  REQUIRE(unlink("/dev/net/tun") == 0);
  become_user();
  REQUIRE(refusal().find("there is no /dev/net/tun: load the kernel's module") == 0);
  return 0;
}

int device_of_root() {
  if (!make_host(0600)) return kNotAllowed;
  become_user();
  REQUIRE(
      refusal() ==
      "/dev/net/tun may not be opened by this user: chmod 666 /dev/net/tun allows it, as it is on "
      "most systems (it grants nothing by itself)");
  return 0;
}

// --- Files ---

/// The host replaces its files while the program runs, as it does in another network.
int files_in_a_layer() {
  if (!make_host() ||
      !run("mount -t tmpfs x /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc"))
    return kNotAllowed;
  REQUIRE(run("rm -f /etc/resolv.conf && ln -s /run/nowhere/stub /etc/resolv.conf"));
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || !make_private_files("nameserver fd77::53\n")) _exit(1);
    if (std::system("echo changed >/mnt/new && mv /mnt/new /mnt/etc/resolv.conf") != 0) _exit(2);
    _exit(read_text("/etc/resolv.conf") == "nameserver fd77::53\n" &&
                  access("/etc/passwd", R_OK) == 0
              ? 0
              : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(status == 0);
  REQUIRE(read_text("/etc/resolv.conf") == "changed\n");
  return 0;
}

/// Also where the name server's file is in a directory that is hidden.
int files_over_files() {
  if (!make_host() ||
      !run("mount -t tmpfs x /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc"))
    return kNotAllowed;
  REQUIRE(run("mkdir -p /run/systemd/resolve && echo host >/run/systemd/resolve/stub.conf"));
  REQUIRE(run("rm -f /etc/resolv.conf && ln -s ../run/systemd/resolve/stub.conf /etc/resolv.conf"));
  REQUIRE(write_text("/etc/nsswitch.conf", "passwd: files\nhosts: files resolve dns\n"));
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || !make_private_files("nameserver fd77::53\n", EtcStyle::kFiles))
      _exit(1);
    if (read_text("/etc/resolv.conf") != "nameserver fd77::53\n") _exit(2);
    _exit(read_text("/etc/nsswitch.conf") == "passwd: files\nhosts: files dns\n" ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(status == 0);
  REQUIRE(read_text("/etc/resolv.conf") == "host\n");
  return 0;
}

}  // namespace

TEST_CASE("a program in a network of its own finds its tunnel, its routes and its names") {
  expect_success(finds_its_network);
}

TEST_CASE("it reaches nothing of the host's network, and no socket that answers for the host") {
  expect_success(reaches_nothing_else);
}

TEST_CASE("what it sends arrives at the tunnel, and what is written there at it") {
  expect_success(packets);
}

TEST_CASE("it has no privileges, and gets none back") {
  expect_success(no_privileges);
}

TEST_CASE("root's program has none either") {
  expect_success(of_root);
}

TEST_CASE("its exit code is told, and why it could not be started") {
  expect_success(exit_codes);
}

TEST_CASE("signals to us are the program's") {
  expect_success(signals);
}

TEST_CASE("when our process is killed, nothing in the network is left") {
  expect_success(outside_killed);
}

TEST_CASE("when the first process in the network is killed, nothing is left, and it is told") {
  expect_success(inside_killed);
}

TEST_CASE("what a program has left in the background ends with it") {
  expect_success(with_the_program);
}

TEST_CASE("a program that is never started leaves nothing") {
  expect_success(before_the_start);
}

TEST_CASE("a program has the pipes and files that it is given, and no sockets or directories") {
  expect_success(given_descriptors);
}

TEST_CASE("the tunnel of a program that runs is changed from outside") {
  expect_success(changes);
}

TEST_CASE("a program's network has further tunnels") {
  expect_success(second_tunnel);
}

TEST_CASE("keys that interrupt or stop reach the program, and us") {
  expect_success(keys);
}

TEST_CASE("a program that has left the terminal gets no keys from us") {
  expect_success(keys_of_others);
}

TEST_CASE("when the program stops so do we, and go on together") {
  expect_success(program_stops);
}

TEST_CASE("a shell that is the program has the terminal, and leaves it to us") {
  expect_success(job_at_terminal);
}

TEST_CASE("a job stops by a key, and goes on where it was") {
  expect_success(job_stops);
}

TEST_CASE("a system that allows no namespaces is told of") {
  expect_success(no_namespaces);
}

TEST_CASE("a program's network without /dev/net/tun, or with one that is root's, is told of") {
  expect_success(no_device);
  expect_success(device_of_root);
}

TEST_CASE("why there are no namespaces is said for each kind of system") {
  const auto said = [](int error, const std::string& name, long value) {
    return namespace_refusal(error, [&](const std::string& asked) -> std::optional<long> {
      return asked == name ? std::optional(value) : std::nullopt;
    });
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos && text.find('\n') == std::string::npos;
  };
  CHECK(has(said(ENOSPC, "user.max_net_namespaces", 0), "sysctl -w user.max_net_namespaces=10000"));
  CHECK(has(said(EPERM, "kernel.unprivileged_userns_clone", 0),
            "sysctl -w kernel.unprivileged_userns_clone=1"));
  CHECK(has(said(EACCES, "kernel.apparmor_restrict_unprivileged_userns", 1), "\"userns,\""));
  CHECK(has(said(EPERM, "kernel.unprivileged_userns_clone", 1), "a container has to allow them"));
  CHECK(has(said(ENOSPC, "user.max_user_namespaces", 5), "as many namespaces as"));
  CHECK(has(said(EINVAL, "", 0), "built without"));
  CHECK(has(said(ENOMEM, "", 0), "Cannot allocate memory"));
}

TEST_CASE("a program's files stay when the host replaces its own") {
  expect_success(files_in_a_layer);
}

TEST_CASE("a program's files are put over the host's where there are no layers") {
  expect_success(files_over_files);
}

TEST_CASE("names come from files and DNS, whatever else the host asks") {
  CHECK(private_nsswitch("") == "hosts: files dns\n");
  CHECK(private_nsswitch("passwd: files\n\thosts : resolve [!UNAVAIL=return] dns\n# hosts\nx: y") ==
        "passwd: files\n# hosts\nx: y\nhosts: files dns\n");
  CHECK(private_nsswitch("hosts:mymachines\nhostsx: a\n") == "hostsx: a\nhosts: files dns\n");
}

// --- The programs that are run in there ---

TEST_CASE("in a program's network, what can be reached", "[.reach]") {
  std::printf("%s\n", reached().c_str());
  std::fflush(stdout);
  _exit(0);
}

TEST_CASE("in a program's network, a question to its peers", "[.talk]") {
  const UniqueFd v6(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 key{.sin6_family = AF_INET6, .sin6_port = htons(kPort)};
  const std::uint8_t address[16]{0xfd, 0xae, 0x7d, 0x21, 0xd7, 0x3d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  std::memcpy(&key.sin6_addr, address, sizeof address);
  sendto(v6.get(), "hi", 2, 0, reinterpret_cast<const sockaddr*>(&key), sizeof key);
  const UniqueFd v4 = open_program(kHere);
  say(v4, kThere, Bytes{'h', 'i'});
  pollfd ready{v4.get(), POLLIN, 0};
  char answer[64];
  const ssize_t size = poll(&ready, 1, 10'000) == 1 ? recv(v4.get(), answer, sizeof answer, 0) : 0;
  std::printf("%.*s\n", static_cast<int>(size), answer);
  std::fflush(stdout);
  _exit(0);
}
