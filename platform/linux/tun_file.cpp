// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_file.hpp"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "ip/coalescer.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

static_assert(TunFile::kMaxPieces >= ip::Coalescer::kMaxPackets + 2);

SystemTunFile::~SystemTunFile() {
  if (fd_) ioctl(fd_.get(), TUNSETOFFLOAD, 0);
}

int SystemTunFile::read(MutableBytes room) {
  for (;;) {
    const ssize_t size = ::read(fd_.get(), room.data(), room.size());
    if (size >= 0) return static_cast<int>(size);
    if (errno != EINTR) return -errno;
  }
}

int SystemTunFile::write(std::span<const ByteView> pieces) {
  HSFWD_CHECK(pieces.size() <= kMaxPieces);
  std::array<iovec, kMaxPieces> vector;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    // Of what is written from, the system's type is not const.
    vector[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  }
  for (;;) {
    const ssize_t size = writev(fd_.get(), vector.data(), static_cast<int>(pieces.size()));
    if (size >= 0) return static_cast<int>(size);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace hsfwd::platform
