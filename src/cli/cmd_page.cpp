// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/events/tunnels.hpp"
#include "cli/page_kind.hpp"
#include "cli/page_server.hpp"
#include "cli/plan.hpp"
#include "cli/web_address.hpp"
#include "forward/acceptor.hpp"
#include "platform/control_socket.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// The page asks once a second, and gives up a question after five.
constexpr Duration kPagePatience = 4_s;
constexpr const char* kAnyPagePort = "127.0.0.1:0";

/// The state of the running `up`, by its control socket.
class DistantState {
 public:
  DistantState(App& app, std::string socket, std::string file)
      : app_(app),
        socket_(std::move(socket)),
        file_(std::move(file)),
        subject_(file_.empty() ? "" : " with " + file_) {}

  /// One question for all who ask meanwhile: `up` answers only so many at once.
  void ask(PageServer::Answered answered) {
    waiting_.push_back(std::move(answered));
    if (waiting_.size() > 1) return;
    left_ = kParts;
    for (Part& part : parts_) {
      part.answer.reset();
      app_.scheduler().retire(std::move(part.question));
      part.question = std::make_unique<ControlInquiry>(
          app_.scheduler(), app_.streams(), part.command, paths(),
          ControlInquiry::Outcomes{
              .answered = [this, &part](const Json& answer) { take(part, answer); },
              .failed =
                  [this, &part](const ControlInquiry::Failure& failure) {
                    take(part, Err(error_of_up(failure, part.command, subject_)));
                  }});
      part.question->start(kPagePatience);
    }
  }

 private:
  static constexpr std::size_t kParts = 3;
  struct Part {
    ControlCommand command;
    std::unique_ptr<ControlInquiry> question = nullptr;
    std::optional<Result<Json, UserError>> answer = std::nullopt;
  };

  /// Where it may answer at the moment: it may have been started anew, as another user.
  std::vector<std::string> paths() const {
    if (!socket_.empty()) return {socket_};
    return present_sockets(platform::control_socket_candidates(file_));
  }

  void take(Part& part, Result<Json, UserError> answer) {
    part.answer.emplace(std::move(answer));
    if (--left_ == 0) tell();
  }

  void tell() {
    auto& [status, peers, attempts] = parts_;
    Result<Json, UserError> state = *status.answer;
    if (state && !*peers.answer) state = *peers.answer;
    if (state) {
      // One of before there were attempts does not know the question.
      state = page_state(std::move(**status.answer), std::move(**peers.answer),
                         *attempts.answer ? std::move(**attempts.answer) : Json());
    }
    for (const auto& answered : std::exchange(waiting_, {})) answered(state);
  }

  App& app_;
  const std::string socket_;
  const std::string file_;
  const std::string subject_;  // of messages
  std::vector<PageServer::Answered> waiting_;
  std::size_t left_ = 0;
  Part parts_[kParts] = {
      {ControlCommand::kStatus}, {ControlCommand::kPeers}, {ControlCommand::kAttempts}};
};

/// A page of its own, as long as the command runs.
class OwnPage {
 public:
  OwnPage(App& app, std::string socket, std::string file, net::StreamAddress listen)
      : app_(app),
        listen_(std::move(listen)),
        state_(app, std::move(socket), std::move(file)),
        server_(app.scheduler(), listen_,
                [this](PageServer::Answered answered) { state_.ask(std::move(answered)); }),
        acceptor_(app.streams(), [this](std::unique_ptr<net::ByteStream> client) {
          server_.add(std::move(client));
        }) {
    // Whoever starts it learns at once that there is nothing to be seen.
    state_.ask([this](const Result<Json, UserError>& state) {
      if (state) return open();
      app_.fail(state.error());
    });
  }
  OwnPage(const OwnPage&) = delete;
  OwnPage& operator=(const OwnPage&) = delete;

 private:
  void open() {
    const auto listened = acceptor_.listen(listen_);
    if (!listened) {
      return app_.fail({kFailed, "LISTEN_FAILED",
                        fmt::format("cannot listen on {}: {}", printable(listen_.to_string()),
                                    listened.error())});
    }
    const std::string at = acceptor_.address().to_string();
    events::PageReady event{.listen = at};
    if (const std::string url = page_url(listen_, at); !url.empty()) event.url = url;
    app_.output().event(event,
                        printable(fmt::format("page: {}", event.url.value_or(event.listen))));
  }

  App& app_;
  const net::StreamAddress listen_;
  DistantState state_;
  PageServer server_;
  forward::Acceptor acceptor_;
};

}  // namespace

int run_page(const Arguments& arguments) {
  CommandLine line("hsfwd page [-c FILE] [--listen ADDRESS] [OPTION...]",
                   "Serves a web page that shows the state of the running hsfwd up to browsers on "
                   "this machine, until\nstopped.");
  add_control_options(line, "FILE that the running hsfwd up uses");
  line.options().add_options()(
      "listen", po::value<std::string>(),
      "ADDRESS to serve it on, [BIND:]PORT or unix:PATH (default: a free port on 127.0.0.1)");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const std::string wanted = line.has("listen") ? line.text("listen") : kAnyPagePort;
  auto listen = parse_web_address(wanted, "");
  if (!listen) {
    throw UserError{kUsage, "BAD_ADDRESS",
                    fmt::format("--listen {}: {}", in_quotes(wanted), listen.error())};
  }
  if (!is_of_this_machine(*listen)) {
    throw UserError{kUsage, "BAD_ADDRESS",
                    fmt::format("--listen {}: others reach that address, and the page asks nobody "
                                "who he is; [page] of a file can have it ask for a secret",
                                in_quotes(wanted))};
  }
  const std::string socket = line.path("socket");
  const std::string file = socket.empty() ? choose_plan_file(line) : "";
  if (file == kStandardInput) {
    throw UserError{kUsage, "USAGE",
                    "-c -: an hsfwd up that read standard input is reached by its --socket PATH"};
  }
  App app(lasting_output_options(line));
  const OwnPage page(app, socket, file, std::move(*listen));
  return app.run();
}

}  // namespace hsfwd::cli
