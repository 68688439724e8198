// SPDX-License-Identifier: Apache-2.0
// An iterative query: asks ever closer nodes, ten at a time, until the twenty closest to the target
// have answered, and may then send each of them an update.
//
// Differs from upstream: of the nodes heard of, the closest is asked next, not the latest, which
// saves a round trip where the routing table knows it already, but one host's ports are not all
// asked before others, nor take the places of others; nodes of the routing table are asked while
// bootstrap nodes are still being resolved, and are not kept waiting for them once enough have
// answered; a node is given up on after three repeats and not five, since timeouts grow here; nodes
// that are silent, as far as is known, are asked but not waited for while others answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "rpc/bootstrap_nodes.hpp"
#include "rpc/call.hpp"
#include "rpc/closest_list.hpp"

namespace hsfwd::rpc {

class Node;

struct QueryOptions {
  Target target;
  CommandCode command;
  std::optional<Bytes> value;
  std::size_t concurrency = 10;
  int retries = 3;
  /// Known from before; with twenty or more of them the routing table is not used unless they fail.
  std::vector<net::Address> start_nodes;
  /// Upkeep: yields to other traffic while there is any, and soon gives up waiting for the silent.
  bool background = false;
  /// Bootstrap nodes are asked as well, however many others are known.
  bool ask_bootstrap = false;
};

enum class QueryError {
  kTooFewNodes,   // nobody to send the update to
  kCommitFailed,  // no update was acknowledged
};

class Query {
 public:
  using OnReply = std::function<void(const Reply&)>;
  using OnDone = std::function<void(Result<void, QueryError>)>;
  /// The update for one of the closest nodes; nothing if it cannot get any, which counts as failed.
  using Commit = std::function<std::optional<RequestSpec>(const ClosestReply&)>;

  /// `on_reply` sees each error-free reply. Neither callback may delete the query: retire it.
  Query(Node& node, QueryOptions options, OnReply on_reply, OnDone on_done);
  ~Query();

  void set_commit(Commit commit) { commit_ = std::move(commit); }
  void start();
  /// Asks nobody any more and says nothing any more.
  void cancel();
  bool finished() const { return state_ == State::kFinished; }

  /// Sorted by distance, closest first.
  const std::vector<ClosestReply>& closest() const { return closest_.replies(); }
  std::vector<net::Address> closest_addresses() const;

  int successes() const { return successes_; }
  int errors() const { return errors_; }
  /// Length of the longest chain of referrals followed so far.
  int hops() const { return hops_; }

 private:
  enum class State { kIdle, kAsking, kCommitting, kFinished };
  enum class Visit { kPending, kAnswered, kDown };

  struct Seen {
    Visit state = Visit::kPending;
    int depth = 0;
    std::vector<net::Address> referrers;
  };
  struct Pending {
    NodeId id;
    net::Address address;
  };
  struct Asking {
    std::unique_ptr<Call> call;
    NodeId id;
    bool slow = false;
  };
  using Referrer = std::optional<net::Address>;

  void add_from_table();
  void add_bootstrap();
  bool add_pending(const net::Address& address, const Referrer& referrer, int depth);
  bool may_name(const Referrer& referrer);
  Pending take_next();
  void ask_more();
  void ask(const Pending& next);
  std::size_t limit() const;
  bool waits_for_bootstrap() const;
  bool waits_for(const net::Address& to) const;
  bool only_slow_are_left() const;
  int patience() const;
  void finish_if_done();
  void on_result(const net::Address& to, const CallResult& result);
  void on_reply(const net::Address& to, const Reply& reply);
  void on_timeout(const net::Address& to);
  void on_repeat(const net::Address& to);
  void push_closest(const Reply& reply);
  void commit();
  void on_committed(bool ok);
  void finish(Result<void, QueryError> result);

  Node& node_;
  QueryOptions options_;
  OnReply on_reply_;
  OnDone on_done_;
  Commit commit_;
  State state_ = State::kIdle;

  std::vector<Pending> pending_;  // sorted by distance, closest last
  std::unordered_map<net::Address, Seen> seen_;
  std::unordered_map<net::Address, Asking> asking_;
  std::unordered_map<net::Ipv4, int> asked_on_;  // nodes of a host
  std::unordered_map<net::Ipv4, int> named_by_;  // nodes that a host's answers brought
  ClosestList closest_;
  std::unique_ptr<BootstrapWalk> bootstrap_;
  bool met_members_ = false;  // one that answered was named by another
  bool from_table_ = false;
  bool slow_down_ = false;
  std::size_t slow_ = 0;
  int successes_ = 0;
  int errors_ = 0;
  int hops_ = 0;

  std::vector<std::unique_ptr<Call>> commits_;
  std::size_t commits_left_ = 0;
  bool any_committed_ = false;
};

}  // namespace hsfwd::rpc
