// SPDX-License-Identifier: Apache-2.0
// /dev/net/tun: a descriptor that is the other end of an interface, and how packets pass it. What the
// kernel hands over and takes in one piece (IFF_VNET_HDR, TUNSETOFFLOAD) is a matter of this class alone:
// who uses it sees packets.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/packet_tunnel.hpp"
#include "platform/linux/tun_file.hpp"
#include "platform/linux/tun_reader.hpp"
#include "platform/linux/tun_writer.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

class TunDevice {
 public:
  /// Makes the interface, or takes the one that is there. The error is for people.
  static Result<TunDevice, std::string> open(const net::TunnelSettings& settings);
  /// The first half of it, in the network that the calling process is in: an interface that is made
  /// with the descriptor, by whichever process, is there.
  static Result<UniqueFd, std::string> open_descriptor();
  /// The second half.
  static Result<TunDevice, std::string> adopt(UniqueFd fd, const net::TunnelSettings& settings);
  /// That of the first interface by a pattern of net::TunnelSettings.
  static std::string first_name(const std::string& name);

  int fd() const { return file_.fd(); }
  const std::string& name() const { return name_; }
  /// It was there before, and stays.
  bool persistent() const { return persistent_; }

  TunReader::Received receive(Instant now) { return reader_->receive(file_, now); }
  /// Packets that wait for receive(), whether the descriptor is readable or not.
  bool has_more() const { return reader_->has_more(); }
  const TunReader::Queue::Drops& drops() const { return reader_->drops(); }
  TunWriter::Sent send(std::span<const MutableBytes> packets) {
    return writer_.send(file_, packets);
  }
  /// When the descriptor is writable again, ahead of send(). False if it is full still.
  bool flush() { return writer_.flush(file_); }

 private:
  TunDevice(UniqueFd fd, std::string name, bool persistent, TunWriter::Offload offload,
            std::uint64_t secret);

  SystemTunFile file_;
  std::string name_;
  bool persistent_ = false;
  std::unique_ptr<TunReader> reader_;
  TunWriter writer_;
};

}  // namespace hsfwd::platform
