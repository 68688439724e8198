// SPDX-License-Identifier: Apache-2.0
// A look at the own network, for people: which bootstrap nodes answer, how others see this node, what
// its NAT does with that, and how large packets may be.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hyperdht/diagnose/survey_report.hpp"
#include "rpc/bootstrap_nodes.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// To be started once the node is bootstrapped, or nothing is to be expected of that any more.
class Survey {
 public:
  using Done = std::function<void(const SurveyReport&)>;

  Survey(const Context& context, Done done);
  ~Survey();
  Survey(const Survey&) = delete;
  Survey& operator=(const Survey&) = delete;

  void start();
  /// Reports what is known by now. Nothing happens if that was reported already.
  void conclude();

 private:
  /// From a name to an answer.
  struct Candidate {
    std::vector<rpc::BootstrapNode> node;  // just one: a walk takes a list
    std::unique_ptr<rpc::BootstrapWalk> walk;
    std::unique_ptr<rpc::Call> ping;
  };

  void resolve(std::size_t index);
  void ask_bootstrap(std::size_t index);
  void ask_others();
  void ask(const net::Address& node);
  void add_sample(const rpc::Reply& reply);
  void settle();
  void probe_sizes();
  void on_size(std::size_t size, bool arrived);
  void finish();

  const Context& context_;
  Done done_;
  SurveyReport report_;
  std::vector<Candidate> candidates_;
  std::vector<std::unique_ptr<rpc::Call>> calls_;
  std::size_t open_ = 0;  // what is still to answer or to time out
  bool sizing_ = false;
  bool over_ = false;
};

}  // namespace hsfwd::hyperdht
