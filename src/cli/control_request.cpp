// SPDX-License-Identifier: Apache-2.0
#include "cli/control_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/output.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr ControlCommand kCommands[] = {ControlCommand::kStatus, ControlCommand::kPeers,
                                        ControlCommand::kAttempts, ControlCommand::kReload,
                                        ControlCommand::kDown};

Err<std::string> refuse(std::string why) {
  return Err(std::move(why));
}

}  // namespace

const char* to_string(ControlCommand command) {
  switch (command) {
    case ControlCommand::kStatus:
      return "status";
    case ControlCommand::kPeers:
      return "peers";
    case ControlCommand::kAttempts:
      return "attempts";
    case ControlCommand::kReload:
      return "reload";
    case ControlCommand::kDown:
      return "down";
  }
  return "";
}

std::string ControlRequest::encode() const {
  return Json{{"command", to_string(command)}}.dump();
}

Result<ControlRequest, std::string> ControlRequest::decode(std::string_view line) {
  if (line.size() > kMaxSize) {
    return refuse(fmt::format("a request is one line of at most {} bytes", kMaxSize));
  }
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return refuse("a request is a JSON object on one line");
  for (const auto& [key, value] : json.items()) {
    if (key != "command") return refuse(fmt::format("a request has no field {}", in_quotes(key)));
  }
  const auto command = json.find("command");
  if (command == json.end() || !command->is_string()) {
    return refuse("a request needs a command, a string");
  }
  const auto& name = command->get_ref<const std::string&>();
  const auto known = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [&](ControlCommand c) { return name == to_string(c); });
  if (known == std::end(kCommands)) {
    return refuse(fmt::format(
        "unknown command {}; known are status, peers, attempts, reload and down", in_quotes(name)));
  }
  return ControlRequest{*known};
}

}  // namespace hsfwd::cli
