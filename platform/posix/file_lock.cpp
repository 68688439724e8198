// SPDX-License-Identifier: Apache-2.0
#include "platform/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace hsfwd::platform {

Result<FileLock, int> FileLock::acquire(const std::string& path) {
  // Who tidies up may have taken the file away between its being opened and locked: then it is nobody's lock.
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    FileLock lock;
    lock.fd_.reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.fd_ || flock(lock.fd_.get(), LOCK_EX | LOCK_NB) != 0) return Err(errno);
    struct stat opened {};
    struct stat there {};
    if (fstat(lock.fd_.get(), &opened) != 0) return Err(errno);
    const bool is_same = stat(path.c_str(), &there) == 0 && opened.st_dev == there.st_dev &&
                         opened.st_ino == there.st_ino;
    if (is_same) return lock;
  }
  return Err(EWOULDBLOCK);
}

void FileLock::set_note(const std::string& note) const {
  // Best effort: without it the other one knows less.
  if (ftruncate(fd_.get(), 0) != 0 || pwrite(fd_.get(), note.data(), note.size(), 0) < 0) return;
}

std::string FileLock::note_of(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return {};
  std::string out(PATH_MAX, '\0');
  const ssize_t size = read(fd.get(), out.data(), out.size());
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

}  // namespace hsfwd::platform
