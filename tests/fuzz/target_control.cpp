// SPDX-License-Identifier: Apache-2.0
// Lines on the control socket: requests, and answers with what people are shown of them.
#include "cli/control_inquiry.hpp"
#include "cli/up_texts.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;

namespace {

void check_request(std::string_view line) {
  const auto request = cli::ControlRequest::decode(line);
  if (!request) {
    fuzz::check_one_line(request.error());
    return;
  }
  const auto again = cli::ControlRequest::decode(request->encode());
  HSFWD_CHECK(again && again->command == request->command);
}

/// What another version says may lack anything, and ends no program.
void check_text(std::string (*text)(const cli::Json&), const cli::Json& answer) {
  try {
    HSFWD_CHECK(!text(answer).empty());
  } catch (const cli::Json::exception&) {
  }
}

void check_answer(std::string_view line) {
  try {
    const cli::Json answer = cli::decode_answer(line);
    for (const auto text :
         {cli::status_text, cli::peers_text, cli::reloaded_text, cli::down_text}) {
      check_text(text, answer);
    }
  } catch (const cli::UserError& error) {
    HSFWD_CHECK(error.exit_code > 0 && error.exit_code < cli::kSignalBase);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = as_text({data, size});
  check_request(line);
  check_answer(line);
  return 0;
}
