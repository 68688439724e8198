// SPDX-License-Identifier: Apache-2.0
// The files of the page, which are a part of the program (cmake/embed_page.cmake).
#pragma once

#include <span>
#include <string_view>

namespace hsfwd::cli {

struct PageFile {
  std::string_view path;  // "/page.css"
  std::string_view type;  // of its content
  std::string_view bytes;
};

/// "/" is among them.
std::span<const PageFile> page_files();

}  // namespace hsfwd::cli
