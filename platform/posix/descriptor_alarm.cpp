// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/descriptor_alarm.hpp"

#include <cerrno>
#include <utility>

#include "platform/file_limit.hpp"

namespace hsfwd::platform {

namespace {
// Each connection that ends makes room for one that waits: that is no recovery yet.
constexpr Duration kCalm = 5_s;
}  // namespace

DescriptorAlarm::DescriptorAlarm(Scheduler& scheduler, const Log& log)
    : log_(log), calm_timer_(scheduler, [this] { on_calm(); }) {}

void DescriptorAlarm::on_failure(int error) {
  if (error != EMFILE && error != ENFILE) return;
  calm_timer_.start(kCalm);
  if (std::exchange(told_, true)) return;
  if (error == EMFILE) {
    log_.error("files",
               "new connections wait or fail: this process has all of its {} open files in use; "
               "raise the limit (ulimit -n, or LimitNOFILE= of the service)",
               file_limit());
  } else {
    log_.error("files",
               "new connections wait or fail: the system has no open files left; raise the limit "
               "(sysctl fs.file-max)");
  }
}

void DescriptorAlarm::on_calm() {
  told_ = false;
  log_.warning("files", "open files are available for new connections again");
}

}  // namespace hsfwd::platform
