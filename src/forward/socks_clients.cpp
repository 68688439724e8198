// SPDX-License-Identifier: Apache-2.0
#include "forward/socks_clients.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "forward/destination.hpp"

namespace hsfwd::forward {

namespace {
constexpr const char* kTooManyDialling = "too many clients wait for their peers";
constexpr const char* kTooManyIdle = "too many clients of SOCKS have not said what they want";
// Bytes of what somebody says who does not speak SOCKS5: a line that names an address.
constexpr std::size_t kMaxBeginning = 512;
}  // namespace

class SocksClients::Client final {
 public:
  Client(SocksClients& all, std::uint64_t id, std::unique_ptr<net::ByteStream> local)
      : all_(all),
        id_(id),
        local_(std::move(local)),
        timer_(all.scheduler_, [this] { on_late(); }) {
    local_->set_observer(&local_side_);
    timer_.start(kTimeToAsk);
  }
  ~Client() { cancel(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool idle() const { return state_ != State::kDialling; }

  /// What is there of what it says; the rest is read as it comes.
  void read() {
    if (state_ == State::kAsking) {
      read_request();
    } else if (state_ == State::kLeaving) {
      drain();
    }
  }

  void cancel() {
    timer_.stop();
    enter(State::kGone);
    if (local_) local_->set_observer(nullptr);
    if (peer_) peer_->set_observer(nullptr);
    if (peer_) peer_->cancel();
  }

  /// Without a word.
  void give_up() {
    enter(State::kGone);
    local_->set_observer(nullptr);
    local_->reset();
    all_.clients_.retire(*this);
  }

 private:
  enum class State {
    kAsking,    // says what it wants
    kDialling,  // its peer is not there yet, or has not answered
    kLeaving,   // has been refused
    kGone,
  };
  struct LocalSide final : net::ByteStreamObserver {
    explicit LocalSide(Client& c) : client(c) {}
    void on_readable() override { client.read(); }
    void on_writable() override {}
    void on_reset(const std::string&) override { client.all_.clients_.retire(client); }
    Client& client;
  };
  struct PeerSide final : net::ByteStreamObserver {
    explicit PeerSide(Client& c) : client(c) {}
    void on_readable() override { client.read_answer(); }
    void on_writable() override {}
    void on_reset(const std::string& reason) override { client.on_peer_gone(reason); }
    Client& client;
  };

  void read_request() {
    while (state_ == State::kAsking) {
      const net::ReadResult got = local_->read(parser_.wanted());
      if (got.state == net::ReadState::kBlocked) return;
      if (got.state == net::ReadState::kEnd) return give_up();
      on_step(parser_.take(got.size));
    }
  }

  void on_step(SocksParser::Step step) {
    using Step = SocksParser::Step;
    switch (step) {
      case Step::kMore:
        return;
      case Step::kGreeted:
        return say(socks_method());
      case Step::kRequest:
        return dial();
      case Step::kNoMethod:
        tell("it wants a password, and there is none");
        return leave(socks_no_method());
      case Step::kRefused:
        return refuse(parser_.refusal(), parser_.why_refused());
      case Step::kSocks4:
        tell(other_than_socks5(beginning()));
        return leave(socks4_refusal());
      case Step::kNotSocks:
        tell(other_than_socks5(beginning()));
        return give_up();
    }
  }

  /// Of what it says, as far as that is here.
  Bytes beginning() {
    Bytes out = to_bytes(parser_.taken());
    const std::size_t had = out.size();
    out.resize(had + kMaxBeginning);
    out.resize(had + local_->read(MutableBytes(out).subspan(had)).size);
    return out;
  }

  void tell(const std::string& why) { all_.guide_.on_failed(id_, parser_.target().text(), why); }

  /// A client that has no room for some bytes has read nothing so far.
  void say(const Bytes& words) {
    if (local_->write(words) < words.size()) give_up();
  }

  void dial() {
    if (all_.dialling_ >= kMaxDialling) {
      all_.guide_.on_excess(kTooManyDialling);
      return refuse(SocksReply::kFailure, kTooManyDialling);
    }
    SocksGuide::Way way = all_.guide_.dial(id_, parser_.target());
    if (!way.peer) return refuse(way.reply, way.why);
    enter(State::kDialling);
    timer_.start(kTimeToConnect);
    peer_ = std::move(way.peer);
    peer_->set_observer(&peer_side_);
    peer_->set_on_open([this] { on_open(); });
  }

  void on_open() {
    if (state_ != State::kDialling) return;
    const SocksGuide::Opened opened = all_.guide_.on_open(id_, parser_.target(), *peer_);
    if (opened.reply != SocksReply::kSucceeded) return refuse(opened.reply, opened.why);
    if (!opened.answers) return connected();
    awaits_answer_ = true;
    read_answer();
  }

  void read_answer() {
    if (!awaits_answer_ || state_ != State::kDialling) return;
    const ByteView next = peer_->peek();
    if (next.empty()) {
      if (peer_->read_state() == net::ReadState::kEnd) {
        refuse(SocksReply::kFailure, "the peer did not answer");
      }
      return;
    }
    const DestinationAnswer answer = destination_answer(next[0]);
    peer_->consume(1);
    if (answer == DestinationAnswer::kConnected) return connected();
    refuse(static_cast<SocksReply>(answer), describe(answer));
  }

  void connected() {
    say(socks_reply(SocksReply::kSucceeded));
    if (state_ != State::kDialling) return;
    enter(State::kGone);
    local_->set_observer(nullptr);
    peer_->set_observer(nullptr);
    all_.guide_.join(id_, parser_.target(), std::move(local_), std::move(peer_));
    all_.clients_.retire(*this);
  }

  void on_peer_gone(const std::string& reason) {
    if (state_ == State::kDialling) refuse(all_.guide_.not_reached(*peer_), reason);
  }

  void on_late() {
    if (state_ == State::kDialling) return refuse(SocksReply::kExpired, "no answer in time");
    if (state_ == State::kAsking) tell("it did not say in time what it wants");
    give_up();
  }

  void refuse(SocksReply reply, const std::string& why) {
    drop_peer();
    tell(why);
    leave(socks_reply(reply));
  }

  /// What the client still says is read, since a reset might overtake the words.
  void leave(const Bytes& words) {
    enter(State::kLeaving);
    timer_.start(kTimeToLeave);
    local_->write(words);
    local_->end();
    drain();
  }

  void drain() {
    std::array<std::uint8_t, 4096> into;
    for (;;) {
      const net::ReadResult got = local_->read(into);
      if (got.state == net::ReadState::kBlocked) return;
      if (got.state == net::ReadState::kEnd) return all_.clients_.retire(*this);
    }
  }

  void drop_peer() {
    if (!peer_) return;
    peer_->set_observer(nullptr);
    all_.scheduler_.retire(std::move(peer_));
  }

  void enter(State state) {
    if (state_ == State::kDialling) --all_.dialling_;
    if (state == State::kDialling) ++all_.dialling_;
    state_ = state;
  }

  SocksClients& all_;
  const std::uint64_t id_;
  State state_ = State::kAsking;
  bool awaits_answer_ = false;
  SocksParser parser_;
  LocalSide local_side_{*this};
  PeerSide peer_side_{*this};
  std::unique_ptr<net::ByteStream> local_;
  std::unique_ptr<PeerStream> peer_;
  Timer timer_;
};

SocksClients::SocksClients(Scheduler& scheduler, SocksGuide& guide)
    : scheduler_(scheduler), guide_(guide), clients_(scheduler) {}

SocksClients::~SocksClients() = default;

void SocksClients::add(std::uint64_t id, std::unique_ptr<net::ByteStream> client) {
  if (clients_.size() - dialling_ >= kMaxIdle) {
    const auto oldest = std::find_if(clients_.begin(), clients_.end(),
                                     [](const auto& other) { return other->idle(); });
    (*oldest)->give_up();
    guide_.on_excess(kTooManyIdle);
  }
  clients_.emplace(*this, id, std::move(client)).read();
}

void SocksClients::close() {
  clients_.retire_all();
}

}  // namespace hsfwd::forward
