// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

namespace hsfwd::platform {

/// The UDP sockets of a loop, whose datagrams have one firewall mark, or none: by it the system's rules tell
/// them from all others, see net::TunnelSettings::firewall_mark.
class SocketMarks {
 public:
  /// A socket is one of them while this lives, which is not longer than the socket.
  class Member {
   public:
    Member(SocketMarks& marks, int socket);
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    SocketMarks& marks_;
    const int socket_;
  };

  /// Of those that are open, and of all to come; 0 is none. False, and nothing has changed, if the system
  /// has no marks, or they take a privilege.
  bool set(std::uint32_t mark);
  std::uint32_t mark() const { return mark_; }
  /// One that is nobody's for long.
  void apply_to(int socket) const;

 private:
  std::set<int> sockets_;
  std::uint32_t mark_ = 0;
};

}  // namespace hsfwd::platform
