// SPDX-License-Identifier: Apache-2.0
// Frames of a peer that says what it likes, to a side that opens, accepts, uses and closes
// channels, also from inside their events.
//
//   input   { what | argument [ | frame ] }...   `what` 0 is a frame, as in the transcripts
#include <array>

#include "fuzz/input.hpp"
#include "secret_stream/protomux.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

class Half final : public ChannelObserver {
 public:
  Half(Protomux& mux, std::string_view protocol, ByteView id) {
    channel = mux.open(protocol, id, *this);
  }
  void on_open() override { HSFWD_CHECK(channel == nullptr || channel->is_open()); }
  bool on_message(std::uint64_t type, ByteView payload) override {
    HSFWD_CHECK(!closed);
    if (type == 1) channel->send(2, payload);
    if (type == 3) channel->close();
    return type != 4;
  }
  void on_closed() override {
    HSFWD_CHECK(!std::exchange(closed, true));
    HSFWD_CHECK(channel == nullptr || channel->closed());
  }

  std::unique_ptr<Channel> channel;
  bool closed = false;
};

class Run {
 public:
  Run() : mux_([this](ByteView frame) { sent_.push_back(to_bytes(frame)); }) {
    mux_.set_on_incoming([this](std::string_view protocol, ByteView id) {
      if (!id.empty() && id[0] % 2 == 1) open(protocol, id);
    });
    // What the recorded peers open.
    open("test/proto", {});
    open("blind-relay", {});
  }
  ~Run() {
    mux_.shut();
    for (int i = 0; i < corks_; ++i) mux_.uncork();
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    Half* const half = halves_.empty() ? nullptr : halves_[input_index(what)].get();
    switch (what & 7) {
      case 0:
        feed(input.chunk());
        break;
      case 1:
        open(as_text(input.take(3)), input.take(1));
        break;
      case 2:
        if (half != nullptr) half->channel->send(input.u8(), input.chunk());
        break;
      case 3:
        if (half != nullptr) half->channel->close();
        break;
      case 4:
        if (half != nullptr)
          halves_.erase(halves_.begin() + static_cast<std::ptrdiff_t>(input_index(what)));
        break;
      case 5:
        mux_.cork();
        ++corks_;
        break;
      case 6:
        if (corks_ > 0) {
          mux_.uncork();
          --corks_;
        }
        break;
      default:
        if (!sent_.empty()) feed(Bytes(sent_[what % sent_.size()]));
        break;
    }
    HSFWD_CHECK(mux_.size() <= 3 * Protomux::kMaxChannels);
  }
  bool ended() const { return ended_; }

 private:
  std::size_t input_index(std::uint8_t what) const { return (what >> 3) % halves_.size(); }
  void open(std::string_view protocol, ByteView id) {
    halves_.push_back(std::make_unique<Half>(mux_, protocol, id));
  }
  void feed(ByteView frame) { ended_ = !mux_.feed(frame).ok(); }

  std::vector<Bytes> sent_;
  Protomux mux_;
  std::vector<std::unique_ptr<Half>> halves_;
  int corks_ = 0;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Run run;
  while (!input.empty() && !run.ended()) run.step(input);
  return 0;
}
