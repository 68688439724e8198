// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/spawned.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <csignal>
#include <string_view>
#include <utility>

#include "platform/common/handle.hpp"
#include "platform/unique_fd.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kMaxComplaint = 160;  // characters, in a line for people

/// The last line that is not empty: programs tell first what they do, then why they give up.
std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  const std::size_t newline = text.rfind('\n');
  if (newline != std::string_view::npos) text.remove_prefix(newline + 1);
  return shortened(printable(text), kMaxComplaint);
}

}  // namespace

struct Spawned::State {
  State(Loop& l, std::string n, Done d)
      : loop(l),
        name(std::move(n)),
        done(std::move(d)),
        // A file, so that nobody has to read while it writes.
        complaints(memfd_create("complaints", MFD_CLOEXEC)),
        patience(loop.scheduler(),
                 [this] {
                   problem = fmt::format("{} does not end", name);
                   uv_process_kill(process.get(), SIGKILL);
                 }),
        failure(loop.scheduler(), [this] { finish(problem); }) {}

  void run(const std::vector<std::string>& words, Duration time) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    uv_stdio_container_t streams[3]{};
    streams[STDIN_FILENO].flags = streams[STDOUT_FILENO].flags = UV_IGNORE;
    streams[STDERR_FILENO].flags = complaints ? UV_INHERIT_FD : UV_IGNORE;
    streams[STDERR_FILENO].data.fd = complaints.get();
    uv_process_options_t options{};
    options.file = arguments.front();
    options.args = arguments.data();
    options.stdio = streams;
    options.stdio_count = 3;
    options.exit_cb = [](uv_process_t* handle, std::int64_t status, int signal) {
      auto* self = static_cast<State*>(handle->data);
      if (self == nullptr) return;
      self->loop.dispatch([=] { self->on_exit(status, signal); });
    };
    process.reset(new uv_process_t{});
    process->data = this;
    const int error = uv_spawn(loop.uv(), process.get(), &options);
    if (error == 0) return patience.start(time);
    problem = error == UV_ENOENT ? fmt::format("there is no {}", name)
                                 : fmt::format("{} cannot be run: {}", name, uv_strerror(error));
    failure.post();
  }

  void on_exit(std::int64_t status, int signal) {
    if (!problem.empty() || (status == 0 && signal == 0)) return finish(problem);
    char text[4096];
    const ssize_t size = pread(complaints.get(), text, sizeof text, 0);
    const auto length = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
    const std::string why = last_line({text, length});
    finish(why.empty() ? fmt::format("{} fails", name) : fmt::format("{}: {}", name, why));
  }

  void finish(const std::string& what) {
    patience.stop();
    if (const auto told = std::exchange(done, nullptr)) told(what);
  }

  Loop& loop;
  const std::string name;
  Done done;
  UniqueFd complaints;
  UvHandle<uv_process_t> process;
  Timer patience;
  Task failure;
  std::string problem;
};

Spawned::Spawned(Loop& loop, const std::vector<std::string>& words, Done done, Duration patience)
    : state_(std::make_unique<State>(loop, words.front(), std::move(done))) {
  state_->run(words, patience);
}

Spawned::~Spawned() = default;

void Spawned::cancel() {
  state_->done = nullptr;
}

}  // namespace hsfwd::platform
