// SPDX-License-Identifier: Apache-2.0
// The unix socket on which a running `hsfwd up` is asked: where it lies, and who answers there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/stream_factory.hpp"
#include "platform/file_lock.hpp"

namespace hsfwd::platform {

/// Where the `up` of a configuration file puts its socket, the first place that can be had:
/// $XDG_RUNTIME_DIR/hsfwd if that is set, the folder `run` of the state directory. The name comes
/// from the file's absolute path, with links resolved, so that it is found even while the file is
/// missing or wrong.
std::vector<std::string> control_socket_paths(const std::string& config_file);
/// Where to look for it: the same, then the runtime directories of the systemd units.
std::vector<std::string> control_socket_candidates(const std::string& config_file);

/// Where this process can be asked as a command of that name, which is no `up`: the first place that can be had of
/// the same folders.
std::vector<std::string> command_socket_paths(const std::string& command);
/// The sockets of all such commands of this user, by their names. What killed ones have left is taken away.
std::vector<std::string> command_sockets();

/// This user may not connect to it, or not even look whether it is there.
bool is_forbidden(const std::string& path);
/// It may lie in a folder that this user may not look into.
bool is_unseen(const std::string& path);
/// It belongs to the user of this process.
bool is_own_file(const std::string& path);
/// Of a group by name: this user is in it, and this process is not, since it has begun ahead of that.
bool joins_at_next_login(const std::string& group);
/// The sockets of each `up` of this user, whatever its file.
std::vector<std::string> up_sockets();
/// Who may: the owner of the socket, or of the folder in which it is not seen. A name, or a number
/// that has none.
std::string owner_of(const std::string& path);
/// The group that may connect as well, named in the same way; empty if there is none.
std::string group_of(const std::string& path);

/// Held by the one process that answers on a socket, which its user alone may connect to, or its group as well.
class ControlSocket {
 public:
  struct Failure {
    bool in_use = false;  // another process answers there
    std::string why;      // one clause for people
  };

  static constexpr std::uint32_t kForOwner = 0600;  // or 0660, where the folder was made for that

  /// Makes the folder, mode 0700, unless it is there. What a process that died has left is
  /// replaced.
  static Result<std::unique_ptr<ControlSocket>, Failure> open(
      net::StreamFactory& streams, const std::string& path, std::uint32_t mode,
      net::StreamFactory::Accepted accepted);
  ControlSocket() = default;
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Nobody else will ever have a socket there: the file of its lock goes with it.
  void set_passing() { is_passing_ = true; }

 private:
  std::string lock_path_;
  bool is_passing_ = false;
  FileLock lock_;  // outlives the socket, whose file goes with it
  std::unique_ptr<net::StreamListener> listener_;
};

}  // namespace hsfwd::platform
