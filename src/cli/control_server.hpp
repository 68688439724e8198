// SPDX-License-Identifier: Apache-2.0
// The control socket's side of `hsfwd up`: conversations of one request line and one answer line.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/control_request.hpp"
#include "platform/control_socket.hpp"

namespace hsfwd::cli {

class ControlServer {
 public:
  enum class Then {
    kHangUp,
    kHold,  // until this object goes, which tells the client that `up` has ended
  };
  /// Takes a JSON object with the field "event", once, now or later.
  using Answer = std::function<void(const Json& answer, Then then)>;
  using Handler = std::function<void(const ControlRequest& request, Answer answer)>;

  explicit ControlServer(App& app);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Listens at the first of the paths where that is possible, with a ControlSocket's mode. Returns why it listens nowhere, one
  /// line for people; empty if it does. Throws UserError if another `up` answers there.
  std::string listen(const std::vector<std::string>& paths, std::uint32_t mode);
  /// The same for one that runs as well if nobody can ask it.
  void listen_if_possible(const std::vector<std::string>& paths);
  /// Receives the requests; set before the loop runs.
  void set_handler(Handler handler) { handler_ = std::move(handler); }

  /// Conversations at once; further clients, up to kMaxTurnedAway, are told to try again.
  static constexpr std::size_t kMaxConversations = 16;
  static constexpr std::size_t kMaxTurnedAway = 16;

 private:
  class Conversation;

  void on_accepted(std::unique_ptr<net::ByteStream> stream);
  void on_request(std::uint64_t id, const ControlRequest& request);
  void forget(std::uint64_t id);

  App& app_;
  Handler handler_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Conversation>> conversations_;
  // Goes before the conversations: a client that waits for their end may then start another `up`.
  std::unique_ptr<platform::ControlSocket> socket_;
};

/// An error as an answer.
Json error_answer(const UserError& error);

}  // namespace hsfwd::cli
