// SPDX-License-Identifier: Apache-2.0
// The descriptor of a TUN device, as far as packets are concerned: a seam below read(2) and write(2),
// since what kernels say there is not to be had for a test.
#pragma once

#include <span>

#include "platform/unique_fd.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

/// One call is one packet, or several in one piece behind a vnet header. What is returned is the number
/// of bytes, or an error number of errno, negative.
class TunFile {
 public:
  virtual ~TunFile() = default;
  virtual int read(MutableBytes room) = 0;
  /// At most kMaxPieces.
  virtual int write(std::span<const ByteView> pieces) = 0;

  /// A vnet header, changed headers, and the payload of as many packets as one write stands for.
  static constexpr std::size_t kMaxPieces = 66;
};

class SystemTunFile final : public TunFile {
 public:
  explicit SystemTunFile(UniqueFd fd) : fd_(std::move(fd)) {}
  /// Whoever takes an interface that stays need not know of large packets.
  ~SystemTunFile() override;
  SystemTunFile(SystemTunFile&&) = default;

  int fd() const { return fd_.get(); }
  int read(MutableBytes room) override;
  int write(std::span<const ByteView> pieces) override;

 private:
  UniqueFd fd_;
};

}  // namespace hsfwd::platform
