// SPDX-License-Identifier: Apache-2.0
#include "cli/session_texts.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;

TEST_CASE("the last error of a session has its age, and whether it is over") {
  const auto said = [](const events::SessionState& session) {
    return session_notes(session).back();
  };
  events::SessionState session{};
  session.last_error = "the peer stopped answering";
  // An earlier hsfwd, which says no time.
  CHECK(said(session) == "last error: the peer stopped answering");
  session.last_error_seconds = 5;
  CHECK(said(session) == "last error 5 s ago: the peer stopped answering");
  session.last_error_seconds = 180;
  session.last_error_over = true;
  CHECK(said(session) == "last error 3 min 0 s ago, over since: the peer stopped answering");
}
