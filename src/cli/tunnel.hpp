// SPDX-License-Identifier: Apache-2.0
// What `up` runs: tunnels. A kind of tunnel says here how it is read from a file, made, changed,
// ended and reported; nothing else in the program knows which kinds there are (tunnel_kinds.cpp).
//
//   [[section]] ── TunnelKind::read ──► TunnelSpec ── make ──► Tunnel ── status ──► TunnelKind::text
//                                           │ diff                 ▲
//                                           └─────── change ───────┘
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cli/health.hpp"
#include "cli/output.hpp"
#include "cli/peer_reference.hpp"
#include "config/config.hpp"
#include "forward/connection.hpp"
#include "net/stream_factory.hpp"
#include "node/keys.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::cli {

class App;
class Planner;
class Preflight;
class Tunnel;
class TunnelSpec;

/// How often is tried again to get what another program has: it may end, and an address come with a
/// network that is dialled later.
inline constexpr Duration kTunnelTryAgain = Duration::seconds(5);

/// The reason of connections that a change of the settings ends.
inline constexpr const char* kConfigurationChanged = "the configuration has changed";

/// What to do about something of this machine that a tunnel needs and another program has, or that
/// is not there.
enum class Unavailable {
  kRefused,   // as any other error
  kTryAgain,  // the rest, if any, runs without it meanwhile
};

/// All that is to be known of a kind beside its tunnels.
struct TunnelKind {
  /// Its part of a file.
  config::Shape section;
  /// Adds what a section asks for. Throws UserError, through Planner::mistake().
  void (*read)(const config::Section& section, Planner& planner);
  /// The field of `status` with an entry for each of its tunnels.
  const char* list;
  /// The names of an entry's fields.
  std::vector<std::string> (*fields)();
  /// The entries as people read them; empty if there are none.
  std::string (*text)(const Json& list);
  /// The field of `check` with their number, and the number for people; empty where nobody expects any.
  const char* number;
  std::string (*number_text)(std::size_t number);
  /// It reads what a file says of a peer in a network: without a section of such a kind that does nothing.
  bool has_peers = false;
};
using TunnelKinds = std::span<const TunnelKind* const>;

/// What cannot be, for people.
struct Contradiction {
  std::string text;  // empty: there is none
  int line = 0;      // of the file; 0: all of its section
};

/// What a configuration asks for, with every value checked.
class TunnelSpec {
 public:
  virtual ~TunnelSpec() = default;
  virtual const TunnelKind& kind() const = 0;

  /// What a tunnel is known by, among those of its kind, while its settings change. Empty: only by
  /// all of them.
  virtual std::string key() const = 0;
  /// `other`, of the same kind, asks for the same, whatever things are called.
  virtual bool same(const TunnelSpec& other) const = 0;
  /// Where it accepts local clients; nullptr if it does not.
  virtual const net::StreamAddress* local_address() const { return nullptr; }
  /// How many it counts as, in `check`.
  virtual std::size_t number() const { return 1; }
  /// What cannot be, given its identity as it is.
  virtual Contradiction contradiction() const { return {}; }
  /// Lets `preflight` see whether what it names can work at the moment.
  virtual void check(Preflight&) const {}

  /// Takes nothing of this machine yet. Throws UserError.
  virtual std::unique_ptr<Tunnel> make(App& app) const = 0;
};

/// What two tunnels of a process cannot both have.
struct Claims {
  std::set<PublicKey> keys;  // that are exposed
  bool network = false;
};

/// What a tunnel will want of a peer, once a client comes.
struct PeerWish {
  enum class Kind { kTcp, kUdp, kDestinations };
  struct Wanted {
    Kind kind = Kind::kTcp;
    std::string service = {};  // of the first two; empty: the default
    auto operator<=>(const Wanted&) const = default;
  };
  PeerReference peer;
  Wanted wanted;
};

class Tunnel {
 public:
  virtual ~Tunnel() = default;

  /// Adds what it needs for itself. Throws UserError if somebody else has that.
  virtual void claim(Claims&) const {}
  /// Takes what it needs of this machine. Throws UserError if that is not available and
  /// kRefused; otherwise the tunnel has a problem.
  virtual void prepare(Unavailable unavailable) = 0;
  /// Why it does not work yet: a code, and one line for people.
  struct Problem {
    std::string code;
    std::string text;
  };
  virtual std::optional<Problem> problem() const = 0;
  /// Begins, or goes on trying, and reports what comes of it.
  virtual void start() = 0;
  /// The settings are now those of `spec`, with the same key. What they still allow continues. The result is
  /// what of it has not taken effect, unless that has been tried before and still is.
  virtual std::optional<Problem> change(const TunnelSpec& spec) = 0;
  /// Reports what it is after a change, unless that is yet to come.
  virtual void report() = 0;
  /// Where it accepts local clients, for people; empty if it does not.
  virtual std::string listens_at() const { return ""; }
  /// What its peer can be asked for ahead of the first client, if it leads to one.
  virtual std::optional<PeerWish> wish() const { return std::nullopt; }
  /// The peer was asked, and the answer is that its clients would not get there: one line for people.
  /// `reached`: the peer was, and has not what is wanted.
  virtual void on_wish_refused(const std::string& why, bool reached) {
    static_cast<void>(why), static_cast<void>(reached);
  }
  /// The network of this machine has changed, and the node has been told.
  virtual void on_network_change() {}
  /// Ends the connections at once and accepts no more, takes back what was announced, then calls
  /// `done`, maybe from inside.
  virtual void close(const std::string& reason, std::function<void()> done) = 0;
  /// The same for the program's end: peers get what was sent to them if they receive it in time.
  virtual void leave(std::function<void()> done) = 0;

  /// What of it does not work at the moment.
  virtual std::vector<Trouble> health() const = 0;
  /// Its entry in TunnelKind::list.
  virtual Json status() const = 0;
  /// What it counts, with what tells it from others for a label.
  virtual void collect(MetricSink& sink) const = 0;
  virtual std::vector<forward::OpenConnection> connections() const = 0;
};

}  // namespace hsfwd::cli
