// SPDX-License-Identifier: Apache-2.0
// Several protocols over one encrypted connection. A frame is one message of the connection:
//
//   message  channel uint | type uint | payload to the end
//   batch    00 00 | channel uint | items: length uint, type uint, payload; an item of length 0 is
//            followed by a new channel number
//   open     00 01 | channel uint | protocol string | id buffer | handshake, if the protocol has one
//   reject   00 02 | channel uint
//   close    00 03 | channel uint
//
// Channel numbers are the sender's own, from 1 on and without gaps, except in a reject, where it is
// the number of the open. A channel is open once both sides have sent an open of the same protocol
// and id; there is no other acceptance.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "codec/writer.hpp"
#include "util/result.hpp"

namespace hsfwd::secret_stream {

class Channel;

/// Events come from inside Protomux::feed and shut. Any channel may be opened, used and destroyed
/// from them, the mux itself may not be destroyed.
class ChannelObserver {
 public:
  virtual ~ChannelObserver() = default;
  /// Both sides have opened it.
  virtual void on_open() {}
  /// Types are numbered as the protocol declares them; unknown ones are to be ignored. False: the
  /// payload does not decode, which ends the connection.
  virtual bool on_message(std::uint64_t type, ByteView payload) = 0;
  /// The peer closed or rejected it, or the connection is gone. The last event.
  virtual void on_closed() = 0;
};

/// Differs from upstream: an open is answered on the spot, so nothing is buffered for channels that
/// may be accepted later; a batch inside a batch is refused, and so are more than kMaxChannels.
class Protomux {
 public:
  using Send = std::function<void(ByteView frame)>;
  /// The peer opens a channel nobody waits for. Opening the same from inside accepts it.
  using OnIncoming = std::function<void(std::string_view protocol, ByteView id)>;

  static constexpr std::size_t kMaxChannels = 4096;  // of the peer; ours

  explicit Protomux(Send send) : send_(std::move(send)) {}
  ~Protomux();
  Protomux(const Protomux&) = delete;
  Protomux& operator=(const Protomux&) = delete;

  void set_on_incoming(OnIncoming on_incoming) { on_incoming_ = std::move(on_incoming); }

  /// Sends an open, and is one half of the channel from then on: messages may be sent at once.
  std::unique_ptr<Channel> open(std::string_view protocol, ByteView id, ChannelObserver& observer);

  /// One message of the connection. Errors, which end the connection: kMalformed.
  Result<void> feed(ByteView frame);
  /// The connection is gone: closes all channels without a word.
  void shut();

  /// Between the two, what is sent is gathered and goes as one batch. They nest.
  void cork() { ++corks_; }
  void uncork();

  /// Channels that have a number, closed ones whose number the peer still refers to included.
  std::size_t size() const { return local_.size() - free_.size(); }

 private:
  friend class Channel;
  enum class Control : std::uint64_t { kBatch = 0, kOpen = 1, kReject = 2, kClose = 3 };

  struct Name {
    std::string protocol;
    Bytes id;
    bool matches(std::string_view p, ByteView i) const { return protocol == p && equal(id, i); }
  };
  /// The own half of a channel. Its number is in use until the peer is known to be done with it.
  struct Local {
    Channel* channel = nullptr;  // nullptr: closed
    std::uint64_t remote = 0;    // the peer's number, 0 before its open
    Name name;
  };

  std::uint64_t take_number();
  void close(Channel& channel);
  /// Ends the own half without a word; the observer is not told.
  void detach(std::uint64_t number);
  void link(Local& local, std::uint64_t remote);
  void write(ByteView frame);
  void write_control(Control type, std::uint64_t number);
  void append_to_batch(ByteView frame);
  void flush_batch();

  bool dispatch(std::uint64_t remote, codec::Reader& reader, bool in_batch);
  bool on_control(std::uint64_t type, codec::Reader& reader, bool in_batch);
  bool on_batch(codec::Reader& reader);
  bool on_open(codec::Reader& reader);
  bool on_reject(codec::Reader& reader);
  void on_close(codec::Reader& reader);

  Send send_;
  OnIncoming on_incoming_;
  std::vector<Local> local_;         // by own number - 1
  std::vector<std::uint64_t> free_;  // own numbers, the last freed is taken first
  std::vector<std::uint64_t>
      waiting_;  // own numbers the peer has not opened or rejected, oldest first
  std::vector<std::uint64_t> remote_;  // own number by the peer's - 1; 0: free
  std::uint64_t incoming_ = 0;         // the peer's number of the open that is being decided on
  Name incoming_name_;
  int corks_ = 0;
  Bytes batch_;
  std::uint64_t batch_channel_ = 0;
  bool shut_ = false;
};

/// One half of a channel; destroying it closes it.
class Channel {
 public:
  ~Channel() { close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Both sides have opened it, and neither has closed it.
  bool is_open() const { return open_; }
  bool closed() const { return mux_ == nullptr; }
  void send(std::uint64_t type, ByteView payload);
  /// Of a type that has a name in the channel's protocol.
  template <class Enum>
  requires std::is_enum_v<Enum>
  void send(Enum type, ByteView payload) { send(static_cast<std::uint64_t>(type), payload); }
  void close();

 private:
  friend class Protomux;
  Channel(Protomux& mux, std::uint64_t number, ChannelObserver& observer)
      : mux_(&mux), number_(number), observer_(observer) {}

  Protomux* mux_;  // nullptr once closed
  const std::uint64_t number_;
  ChannelObserver& observer_;
  bool open_ = false;
};

}  // namespace hsfwd::secret_stream
