// SPDX-License-Identifier: Apache-2.0
#include "cli/recorded_forward.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "cli/holesail_record.hpp"

namespace hsfwd::cli {

namespace {

UserError bad_record(const std::string& why) {
  return {kFailed, "BAD_RECORD", "the peer's record in the DHT is not usable: " + why};
}

/// Throws UserError.
forward::LocalForward forward_of(const std::optional<Bytes>& value) {
  const auto record = value ? HolesailRecord::decode(*value) : HolesailRecord();
  if (!record) throw bad_record(record.error() + "; name a local port, such as -L 8080");
  auto out = record->local_forward();
  if (!out) throw bad_record(out.error());
  return std::move(*out);
}

}  // namespace

RecordedForward::RecordedForward(App& app, const PeerReference& peer, Found found)
    : app_(app),
      peer_(peer),
      found_(std::move(found)),
      record_(app.node(), peer.key,
              [this](const std::optional<Bytes>& value) { on_record(value); }) {}

void RecordedForward::start() {
  await_peer(app_, peer_, "reading the record of");
  record_.start();
}

void RecordedForward::on_record(const std::optional<Bytes>& value) {
  app_.waiting().end();
  if (app_.quitting()) return;
  if (!value) {
    app_.log().warning("holesail",
                       "the DHT has no record of {}; taking port {} of TCP, as holesail does then "
                       "(-L takes another)",
                       peer_.name, HolesailRecord::kNoRecordPort);
  }
  try {
    found_(forward_of(value));
  } catch (const UserError& error) {
    app_.fail(error);
  }
}

}  // namespace hsfwd::cli
