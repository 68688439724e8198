// SPDX-License-Identifier: Apache-2.0
// What is found out about this machine and its network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct SurveyInterface {
  std::string name;
  std::string address;
  bool internal;
  static constexpr void fields(auto list) {
    list(field("name", &SurveyInterface::name), field("address", &SurveyInterface::address),
         field("internal", &SurveyInterface::internal));
  }
};

struct SurveyPorts {
  std::uint64_t server;
  std::uint64_t client;
  static constexpr void fields(auto list) {
    list(field("server", &SurveyPorts::server), field("client", &SurveyPorts::client));
  }
};

struct SurveyBootstrap {
  std::string node;
  std::optional<std::string> address;
  std::optional<double> millis;
  static constexpr void fields(auto list) {
    list(field("node", &SurveyBootstrap::node), field("address", &SurveyBootstrap::address),
         field("millis", &SurveyBootstrap::millis));
  }
};

struct SurveySample {
  std::string node;
  std::string seen_as;
  double millis;
  static constexpr void fields(auto list) {
    list(field("node", &SurveySample::node), field("seenAs", &SurveySample::seen_as),
         field("millis", &SurveySample::millis));
  }
};

struct SurveyNat {
  std::string verdict;
  bool firewalled;
  bool translated;
  bool keeps_port;
  std::vector<SurveySample> samples;
  static constexpr void fields(auto list) {
    list(field("verdict", &SurveyNat::verdict), field("firewalled", &SurveyNat::firewalled),
         field("translated", &SurveyNat::translated), field("keepsPort", &SurveyNat::keeps_port),
         field("samples", &SurveyNat::samples));
  }
};

struct Netcheck {
  static constexpr const char* kName = "netcheck";
  static constexpr const char* kFrom = "netcheck";
  bool online;
  std::vector<SurveyInterface> interfaces;
  SurveyPorts ports;
  std::vector<SurveyBootstrap> bootstrap;
  std::vector<std::string> public_hosts;
  SurveyNat nat;
  std::optional<std::string> reachable_as;
  std::optional<std::uint64_t> path_mtu;
  std::string summary;
  static constexpr void fields(auto list) {
    list(field("online", &Netcheck::online), field("interfaces", &Netcheck::interfaces),
         field("ports", &Netcheck::ports), field("bootstrap", &Netcheck::bootstrap),
         field("publicHosts", &Netcheck::public_hosts), field("nat", &Netcheck::nat),
         field("reachableAs", &Netcheck::reachable_as), field("pathMtu", &Netcheck::path_mtu),
         field("summary", &Netcheck::summary));
  }
};

struct Report {
  static constexpr const char* kName = "report";
  static constexpr const char* kFrom = "report";
  Omittable<std::string> text;
  Omittable<std::string> file;  // that has it
  static constexpr void fields(auto list) {
    list(field("text", &Report::text), field("file", &Report::file));
  }
};

}  // namespace hsfwd::cli::events
