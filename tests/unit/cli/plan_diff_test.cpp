// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cli/plan_diff.hpp"
#include "unit/cli/plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

const std::string kHead =
    "identity = '/id'\nbootstrap = '1.2.3.4:5'\n"
    "[peer.bob]\nkey = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'\n"
    "[peer.eve]\nkey = '0505050505050505050505050505050505050505050505050505050505050505'\n";

std::string expose(const std::string& identity, const std::string& rest) {
  return "[[expose]]\nidentity = '" + identity + "'\n" + rest + "\n";
}

std::string connect(const std::string& peer, const std::string& listen) {
  return "[[connect]]\npeer = '" + peer + "'\nlisten = [" + listen + "]\n";
}

PlanDiff diff_of(const std::string& now, const std::string& wanted) {
  return diff(plan_of(kHead + now), plan_of(kHead + wanted));
}

/// "kept changed added removed", each as indices: "0>1" is now and wanted.
std::string text_of(const PlanDiff& list) {
  std::string out;
  const auto pairs = [&](const std::vector<PlanDiff::Match>& matches) {
    for (const auto [now, wanted] : matches) {
      out += std::to_string(now) + ">" + std::to_string(wanted) + " ";
    }
    out += "| ";
  };
  const auto ones = [&](const std::vector<std::size_t>& indices) {
    for (const std::size_t index : indices) out += std::to_string(index) + " ";
    out += "| ";
  };
  pairs(list.kept);
  pairs(list.changed);
  ones(list.added);
  ones(list.removed);
  return out;
}

}  // namespace

TEST_CASE("what is the same in both files is kept, wherever it stands there") {
  const std::string a = expose("/a", "services = ['22', 'web=80']\nallow = ['bob', 'eve']");
  const std::string b = expose("/b", "services = '23'");
  const std::string c = connect("bob", "'1000', '1001:ssh'");
  const std::string d = connect("eve", "'unix:/s'");
  const PlanDiff same = diff_of(a + b + c + d, a + b + c + d);
  CHECK(text_of(same) == "0>0 1>1 2>2 3>3 4>4 | | | | ");
  const PlanDiff moved = diff_of(a + b + c + d, d + c + b + a);
  // By kinds, wherever a section stands.
  CHECK(text_of(moved) == "1>0 0>1 4>2 2>3 3>4 | | | | ");
  // Written otherwise, and the same.
  const PlanDiff written = diff_of(
      a, expose("/a", "services = ['22=22', 'web=localhost:80']\nallow = ['eve', 'bob', 'eve']"));
  CHECK(text_of(written) == "0>0 | | | | ");
}

TEST_CASE("tunnels that come and go") {
  const std::string a = expose("/a", "services = '22'");
  const std::string b = expose("/b", "services = '22'");
  const PlanDiff exposes = diff_of(a, b);
  CHECK(text_of(exposes) == "| | 0 | 0 | ");
  const PlanDiff connects =
      diff_of(connect("bob", "'1000', '1001'"), connect("bob", "'1001', '1002'"));
  CHECK(text_of(connects) == "1>0 | | 1 | 0 | ");
  CHECK(text_of(diff(Plan(), plan_of(kHead + a + connect("bob", "'1'")))) == "| | 0 1 | | ");
}

TEST_CASE("an identity with other services, a local address that leads elsewhere: changed") {
  const auto exposes = [](const std::string& now, const std::string& wanted) {
    return text_of(diff_of(expose("/a", now), expose("/a", wanted)));
  };
  const std::string changed = "| 0>0 | | | ";
  CHECK(exposes("services = '22'", "services = ['22', '23']") == changed);
  CHECK(exposes("services = ['22', '23']", "services = ['23', '22']") == changed);  // the default
  CHECK(exposes("services = 'a=22'", "services = 'a=23'") == changed);
  CHECK(exposes("services = '22'", "services = '22'\nallow = 'bob'") == changed);
  const auto connects = [](const std::string& now, const std::string& wanted) {
    return text_of(diff_of(now, wanted));
  };
  CHECK(connects(connect("bob", "'1000'"), connect("bob", "'1000:ssh'")) == changed);
  CHECK(connects(connect("bob", "'1000'"), connect("eve", "'1000'")) == changed);
  CHECK(connects(connect("bob", "'unix:/s'"), connect("eve", "'unix:/s'")) == changed);
  CHECK(connects(connect("bob", "'0.0.0.0:1000'"), connect("bob", "'1000'")) == "| | 0 | 0 | ");
  // Two that swap what they lead to keep their places.
  CHECK(connects(connect("bob", "'1000:a', '1001:b'"), connect("bob", "'1001:a', '1000:b'")) ==
        "| 1>0 0>1 | | | ");
}

TEST_CASE("a port that is picked is known by what it leads to") {
  const auto connects = [](const std::string& now, const std::string& wanted) {
    return text_of(diff_of(now, wanted));
  };
  CHECK(connects(connect("bob", "'0:a', '0:b'"), connect("bob", "'0:b', '0:a'")) ==
        "1>0 0>1 | | | | ");
  CHECK(connects(connect("bob", "'0:a'"), connect("bob", "'0:b'")) == "| | 0 | 0 | ");
  // As often as it is there.
  CHECK(connects(connect("bob", "'0', '0'"), connect("bob", "'0'")) == "0>0 | | | 1 | ");
}

TEST_CASE("a peer that is called otherwise is the same peer") {
  const std::string before = kHead + connect("bob", "'1000'");
  std::string after = before;
  for (std::size_t at = after.find("bob"); at != std::string::npos; at = after.find("bob", at)) {
    after.replace(at, 3, "rob");
  }
  CHECK(text_of(diff(plan_of(before), plan_of(after))) == "0>0 | | | | ");
}

TEST_CASE("settings of the node that differ are named as in the file") {
  const std::string rest =
      "[[connect]]\npeer = 'hs://0000"
      "yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o'\nlisten = '1'\n";
  const auto changed = [&](const std::string& now, const std::string& wanted) {
    return changed_node_settings(plan_of(now + rest), plan_of(wanted + rest));
  };
  using Names = std::vector<std::string>;
  const std::string relay =
      "relay_through = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'\n";
  CHECK(changed("", "").empty());
  CHECK(changed("host = '0.0.0.0'\n", "").empty());
  CHECK(changed("identity = '/a'\n", "identity = '/b'\n") == Names{"identity"});
  CHECK(changed("", "bootstrap = '1.2.3.4:5'\n") == Names{"bootstrap"});
  CHECK(changed("bootstrap = ['1.2.3.4:5', '1.2.3.4:6']\n", "bootstrap = '1.2.3.4:5'\n") ==
        Names{"bootstrap"});
  CHECK(changed("", "host = '127.0.0.1'\n") == Names{"host"});
  // Who names the usual port means it.
  CHECK(changed("", "port = 49737\n") == Names{"port"});
  CHECK(changed("port = 1\n", "port = 2\n") == Names{"port"});
  CHECK(changed(relay, "") == Names{"relay_through"});
  CHECK(changed("", relay + "port = 1\nidentity = '/x'\n") ==
        Names{"identity", "port", "relay_through"});
}

TEST_CASE("a socket that would get another mode or group is the same one, and is named") {
  const auto plan = [](const std::string& more) {
    return plan_of(kHead + connect("bob", "'unix:/s', 'unix:/t:ssh', '1000'") + more);
  };
  const auto connects_of = [&](const std::string& more) {
    std::vector<ConnectSpec> out;
    const Plan made = plan(more);
    for (const ConnectSpec* spec : specs_of<ConnectSpec>(made)) out.push_back(*spec);
    return out;
  };
  const Plan before = plan("socket_mode = '0600'");
  CHECK(text_of(diff(before, plan("socket_mode = '0660'"))) == "2>2 | 0>0 1>1 | | | ");
  CHECK(changed_sockets(before, plan("socket_mode = '0660'")) ==
        std::vector<std::string>{"unix:/s", "unix:/t"});
  CHECK(changed_sockets(before, plan("socket_mode = '600'")).empty());
  CHECK(changed_sockets(before, plan("socket_group = '7'")).size() == 2);
  CHECK(changed_sockets(before, plan_of(kHead + connect("eve", "'1'"))).empty());
  // Who names a group alone means it to get in.
  CHECK(connects_of("socket_group = '7'")[0].forward.listen.mode == 0660U);
  CHECK(!connects_of("socket_group = '7'")[2].forward.listen.group);
  CHECK(!connects_of("")[0].forward.listen.mode);
}
