// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "platform/control_socket.hpp"
#include "platform/streams.hpp"
#include "unit/platform/scratch.hpp"
#include "unit/setting.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

/// What a process leaves that was killed: the file of a socket nobody listens on.
void leave_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  close(fd);
}

struct Fixture {
  auto open(const std::string& path) {
    return ControlSocket::open(*streams, path, ControlSocket::kForOwner, [](auto) {});
  }

  Scratch scratch;
  Loop loop;
  std::unique_ptr<net::StreamFactory> streams = make_stream_factory(loop);
};

}  // namespace

TEST_CASE("a file has its own control socket, by whatever path the file is named") {
  const Scratch scratch;
  const Setting runtime("XDG_RUNTIME_DIR", scratch.path + "/runtime");
  const Setting state("XDG_STATE_HOME", scratch.path + "/state");
  const std::string file = scratch.path + "/hsfwd.toml";
  std::ofstream(file) << "x";
  const auto paths = control_socket_paths(file);
  REQUIRE(paths.size() == 2);
  const std::string name = std::filesystem::path(paths[0]).filename();
  CHECK(paths[0] == scratch.path + "/runtime/hsfwd/" + name);
  CHECK(paths[1] == scratch.path + "/state/hsfwd/run/" + name);
  // Root asks the service of the system, whose places are others than its own.
  CHECK(control_socket_candidates(file) == std::vector<std::string>{paths[0], paths[1],
                                                                    "/run/hsfwd/" + name,
                                                                    "/run/hsfwd-hsfwd/" + name});

  CHECK(control_socket_paths(scratch.path + "/./a/../hsfwd.toml") == paths);
  std::filesystem::create_symlink(file, scratch.path + "/link.toml");
  CHECK(control_socket_paths(scratch.path + "/link.toml") == paths);
  CHECK(control_socket_paths(scratch.path + "/other.toml") != paths);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path);
  CHECK(control_socket_paths("hsfwd.toml") == paths);
  std::filesystem::current_path(before);
  // The file may be gone by the time somebody asks.
  std::filesystem::remove(file);
  CHECK(control_socket_paths(file) == paths);

  const Setting relative("XDG_RUNTIME_DIR", "here");
  CHECK(control_socket_paths(file) == std::vector<std::string>{paths[1]});
  // A folder that was made for this program alone.
  const Setting own("RUNTIME_DIRECTORY", "/run/hsfwd-x");
  CHECK(control_socket_paths(file).front() == "/run/hsfwd-x/" + name);
  const Setting several("RUNTIME_DIRECTORY", "/run/a:/run/b");
  CHECK(control_socket_paths(file) == std::vector<std::string>{paths[1]});
}

TEST_CASE_METHOD(Fixture, "a control socket is for its owner alone, and goes with its process") {
  const std::string path = scratch.path + "/some/where/up.sock";
  auto socket = open(path);
  REQUIRE(socket.ok());
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(scratch.path + "/some/where") == 0700);
  CHECK(mode_of(scratch.path + "/some") == 0700);
  CHECK(group_of(path).empty());
  socket->reset();
  CHECK(!std::filesystem::exists(path));
  // The mask for new files is as it was.
  std::ofstream(scratch.path + "/file") << "x";
  CHECK(mode_of(scratch.path + "/file") != 0600);
}

TEST_CASE_METHOD(Fixture, "one process answers on a control socket; a dead one's is replaced") {
  const std::string path = scratch.path + "/up.sock";
  leave_socket(path);
  auto first = open(path);
  REQUIRE(first.ok());
  const auto second = open(path);
  REQUIRE(!second.ok());
  CHECK(second.error().in_use);
  CHECK(std::filesystem::exists(path));
  first->reset();
  CHECK(open(path).ok());
}

TEST_CASE_METHOD(Fixture, "what is in the way of a control socket and is none stays") {
  const std::string path = scratch.path + "/up.sock";
  std::ofstream(path) << "precious";
  const auto in_the_way = open(path);
  REQUIRE(!in_the_way.ok());
  CHECK(!in_the_way.error().in_use);
  CHECK(!in_the_way.error().why.empty());
  CHECK(std::filesystem::file_size(path) == 8);

  const auto below_a_file = open(path + "/up.sock");
  REQUIRE(!below_a_file.ok());
  CHECK(!below_a_file.error().in_use);
  const auto too_long = open(scratch.path + "/" + std::string(120, 'x'));
  REQUIRE(!too_long.ok());
  CHECK(too_long.error().why == "path is too long for a unix socket");
}

TEST_CASE_METHOD(
    Fixture, "a control socket may be for its group as well, in a folder that was made for it") {
  const std::string folder = scratch.path + "/run";
  std::filesystem::create_directory(folder);
  std::filesystem::permissions(folder, std::filesystem::perms(0750));
  const std::string path = folder + "/up.sock";
  const auto socket = ControlSocket::open(*streams, path, 0660, [](auto) {});
  REQUIRE(socket.ok());
  CHECK(mode_of(path) == 0660);
  CHECK(mode_of(folder) == 0750);
  CHECK(!group_of(path).empty());
  // Who does not see the socket, sees the folder.
  CHECK(group_of(folder + "/other.sock") == group_of(path));
}

TEST_CASE("the sockets of commands are found, and what killed ones have left is taken away") {
  Fixture fixture;
  const Setting runtime("XDG_RUNTIME_DIR", fixture.scratch.path + "/runtime");
  const Setting state("XDG_STATE_HOME", fixture.scratch.path + "/state");
  CHECK(command_sockets().empty());
  const auto paths = command_socket_paths("expose");
  REQUIRE(paths.size() == 2);
  CHECK(paths[0] ==
        fmt::format("{}/runtime/hsfwd/cmd-expose-{}.sock", fixture.scratch.path, getpid()));
  auto running = fixture.open(paths[0]);
  REQUIRE(running.ok());
  (*running)->set_passing();
  auto elsewhere = fixture.open(paths[1]);
  REQUIRE(elsewhere.ok());
  // An up is none, nor is anything else that lies there.
  auto up = fixture.open(control_socket_paths(fixture.scratch.path + "/x.toml")[0]);
  REQUIRE(up.ok());
  const std::string folder = fixture.scratch.path + "/runtime/hsfwd/";
  std::ofstream(folder + "cmd-note.txt") << "x";
  leave_socket(folder + "cmd-connect-1.sock");
  std::ofstream(folder + "cmd-connect-2.sock.lock") << "";
  CHECK(command_sockets() == paths);
  CHECK(!std::filesystem::exists(folder + "cmd-connect-1.sock"));
  CHECK(!std::filesystem::exists(folder + "cmd-connect-1.sock.lock"));
  CHECK(!std::filesystem::exists(folder + "cmd-connect-2.sock.lock"));
  CHECK(std::filesystem::exists(folder + "cmd-note.txt"));
  running->reset();
  CHECK(!std::filesystem::exists(paths[0]));
  CHECK(!std::filesystem::exists(paths[0] + ".lock"));
  CHECK(command_sockets() == std::vector<std::string>{paths[1]});
}
