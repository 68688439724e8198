// SPDX-License-Identifier: Apache-2.0
#include "cli/reverse_tunnel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/figures.hpp"
#include "cli/reverse_kind.hpp"
#include "cli/timeline.hpp"
#include "cli/tunnel_events.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

using forward::ListenAnswer;

// Between attempts at a peer that is not there, each twice as long as the one before.
constexpr Duration kFirstRest = 500_ms;
constexpr Duration kLongestRest = 4_s;
// What the peer refuses it may allow after a change of its settings.
constexpr Duration kRestOfRefused = kTunnelTryAgain;
// For the answer, and for the reason behind one that is a refusal.
constexpr Duration kAnswerTime = 20_s;
constexpr Duration kReasonTime = 2_s;

/// What the peer said, without that it closed what was only there to hear that.
std::string_view without_closing(std::string_view reason) {
  const std::string closed = std::string(hyperdht::kPeerClosed) + ": ";
  if (reason.starts_with(closed)) reason.remove_prefix(closed.size());
  return reason;
}

}  // namespace

ReverseTunnel::ReverseTunnel(App& app, PeerReference peer, forward::ReverseForward forward)
    : app_(app),
      peer_(std::move(peer)),
      forward_(std::move(forward)),
      host_(app.scheduler(), app.streams(), {forward_.target},
            [this](const forward::ClosedConnection& closed) { report_closed(app_, closed); }),
      rest_(kFirstRest),
      again_timer_(app.scheduler(), [this] { ask(); }),
      answer_timer_(app.scheduler(), [this] {
        fail(kRestOfRefused, "NOT_LISTENING",
             fmt::format("{} gives no answer about {}", peer_.name, forward_.listen.to_string()));
      }) {}

ReverseTunnel::~ReverseTunnel() {
  if (asking_) asking_->set_observer(nullptr);
}

std::optional<Tunnel::Problem> ReverseTunnel::problem() const {
  return problem_;
}

void ReverseTunnel::start() {
  ask();
}

void ReverseTunnel::ask() {
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = 0, .service = forward_.listen.to_service()};
  options.session = true;
  options.timeline = log_timeline(app_, 0, peer_.key, forward_.listen.to_service());
  heard_.clear();
  asking_ = app_.node().connect_stream(peer_.key, std::move(options));
  asking_->set_observer(this);
  asking_->set_on_back([this](std::unique_ptr<PeerStream> stream) { on_back(std::move(stream)); });
  asking_->set_on_open([this] { on_open(); });
}

/// Who cannot do it does not begin with an answer.
void ReverseTunnel::on_open() {
  answer_timer_.start(kAnswerTime);
  const PeerInfo info = asking_->info();
  if (!info.extension) {
    return fail(kRestOfRefused, "NOT_SUPPORTED",
                fmt::format("{} is a plain peer, which listens for nobody", peer_.name));
  }
  if (info.extension->service.empty()) {
    return fail(kRestOfRefused, "NOT_ALLOWED",
                not_allowed() + "; there it takes --permit-listen, or permit_listen");
  }
}

std::string ReverseTunnel::not_allowed() const {
  return fmt::format("{} does not listen at {} for this key", peer_.name,
                     forward_.listen.to_string());
}

void ReverseTunnel::on_readable() {
  if (!asking_) return;
  const bool answered = heard_.size() == ListenAnswer::kSize;
  for (ByteView bytes = asking_->peek(); !bytes.empty(); bytes = asking_->peek()) {
    const std::size_t missing = ListenAnswer::kSize - heard_.size();
    append(heard_, bytes.first(std::min(bytes.size(), missing)));
    asking_->consume(bytes.size());
  }
  if (!answered && heard_.size() == ListenAnswer::kSize) {
    std::array<std::uint8_t, ListenAnswer::kSize> answer{};
    std::copy(heard_.begin(), heard_.end(), answer.begin());
    on_answer(ListenAnswer::decode(answer));
  }
  if (asking_ && asking_->read_state() == net::ReadState::kEnd) {
    fail(rest_, "NOT_LISTENING",
         fmt::format("{} listens no more at {}", peer_.name, forward_.listen.to_string()));
  }
}

/// What is no success is followed by a reset that says why.
void ReverseTunnel::on_answer(const ListenAnswer& answer) {
  if (answer.kind != ListenAnswer::Kind::kListening || answer.port == 0) {
    rest_ = kRestOfRefused;
    return answer_timer_.start(kReasonTime);
  }
  answer_timer_.stop();
  address_ = forward::ListenRequest{forward_.listen.address, answer.port}.to_string();
  problem_.reset();
  rest_ = kFirstRest;
  const auto outcomes = outcomes_;  // which it may replace
  outcomes ? outcomes->listening() : report();
}

void ReverseTunnel::on_reset(const std::string& reason) {
  const PeerInfo info = asking_->info();
  const bool reached = info.open || info.extension.has_value();
  if (reached) {
    fail(rest_, "NOT_LISTENING",
         fmt::format("{} does not listen at {}: {}", peer_.name, forward_.listen.to_string(),
                     without_closing(reason)));
  } else {
    // Several addresses of a peer fail alike.
    UserError error = connect_error(info.error, peer_.name);
    error.message =
        fmt::format("not listening at {}: {}", forward_.listen.to_string(), error.message);
    fail(rest_, error);
  }
}

void ReverseTunnel::fail(Duration rest, const UserError& error) {
  answer_timer_.stop();
  asking_->set_observer(nullptr);
  app_.scheduler().retire(std::move(asking_));
  address_.clear();
  const auto outcomes = outcomes_;  // which it may replace
  if (outcomes && outcomes->failed(error)) return;
  const bool told = problem_ && problem_->text == error.message;
  if (!problem_) problem_since_ = app_.scheduler().now();
  problem_ = Problem{error.code, error.message};
  if (!told) app_.output().error(error.code, printable(error.message) + "; trying again");
  again_timer_.start(rest);
  rest_ = std::min(rest_ * 2, kLongestRest);
}

void ReverseTunnel::on_back(std::unique_ptr<PeerStream> stream) {
  auto ticket = app_.admission().admit(stream->remote_key());
  if (!ticket) return stream->reset_because(ticket.error());
  if (const auto dial = ticket->start_dial(); !dial) return stream->reset_because(dial.error());
  const std::uint64_t id = app_.connection_ids().take();
  report_connection(app_, id, stream->info(), forward_.target.name);
  report_path_changes(app_, id, *stream);
  host_.serve(id, std::move(stream), forward_.target, std::move(*ticket));
}

std::optional<Tunnel::Problem> ReverseTunnel::change(const TunnelSpec& spec) {
  forward_ = static_cast<const ReverseSpec&>(spec).forward;
  host_.set_services({forward_.target}, kConfigurationChanged);
  return std::nullopt;
}

void ReverseTunnel::report() {
  if (!listening()) return;
  app_.output().event(events::ReverseReady{.listen = address_,
                                           .peer = to_hex(peer_.key.view()),
                                           .target = forward_.target.target.to_string()},
                      printable(fmt::format("ready: {} of {} leads to {}", address_, peer_.name,
                                            forward_.target.target.to_string())));
}

/// The peer hears why.
void ReverseTunnel::stop_asking(const std::string& reason) {
  again_timer_.stop();
  answer_timer_.stop();
  if (!asking_) return;
  asking_->set_observer(nullptr);
  asking_->reset_because(reason);
  app_.scheduler().retire(std::move(asking_));
}

void ReverseTunnel::close(const std::string& reason, std::function<void()> done) {
  stop_asking(reason);
  host_.end_connections([](const forward::OpenConnection&) { return true; }, reason);
  done();
}

void ReverseTunnel::leave(std::function<void()> done) {
  stop_asking(kEnding);
  host_.leave(kEnding, kEndingTime, std::move(done));
}

std::vector<forward::OpenConnection> ReverseTunnel::connections() const {
  return host_.list();
}

void ReverseTunnel::collect(MetricSink& sink) const {
  LabellingSink labelled(sink,
                         {{"reverse", forward_.listen.to_string()}, {"peer", key_text(peer_.key)}});
  host_.collect(labelled);
}

std::vector<Trouble> ReverseTunnel::health() const {
  if (!problem_) return {};
  // The others are those of an attempt to reach it.
  const bool reached = problem_->code == "NOT_ALLOWED" || problem_->code == "NOT_SUPPORTED" ||
                       problem_->code == "NOT_LISTENING";
  std::string why = problem_->text;
  std::string advice = "hsfwd keeps asking every few seconds";
  if (problem_->code == "NOT_ALLOWED") {
    why = not_allowed();  // the message says what to do as well
    advice = fmt::format(
        "there: --permit-listen (permit_listen in its file) for this key, {}",
        key_text(peer_.identity ? peer_.identity->public_key : app_.node().key_pair().public_key));
  } else if (!reached) {
    advice = advice_about(app_, peer_.key);
  }
  return {{.code = problem_->code,
           .thing = forward_.listen.to_string(),
           .state = fmt::format("not open at {}", brief_name(peer_)),
           .why = std::move(why),
           .advice = std::move(advice),
           .since = problem_since_,
           .of_network = !reached}};
}

Json ReverseTunnel::status() const {
  const auto figures = Figures::of(*this);
  ReverseStatus out{
      .peer = to_hex(peer_.key.view()),
      .name = peer_.name,
      .listen = listening() ? address_ : forward_.listen.to_string(),
      .target = forward_.target.target.to_string(),
      .listening = listening(),
      .connections = host_.connections(),
      .bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}}),
      .bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}})};
  if (problem_) out.problem = told(problem_->text);
  return encode(out);
}

}  // namespace hsfwd::cli
