// SPDX-License-Identifier: Apache-2.0
// TCP, unix sockets and standard input/output as byte streams.
#pragma once

#include <memory>

#include "net/stream_factory.hpp"
#include "platform/loop.hpp"

namespace hsfwd::platform {

/// Outlives what it makes. The log hears of descriptors that have run out.
std::unique_ptr<net::StreamFactory> make_stream_factory(Loop& loop, const Log& log = {});

/// Standard input and output as one stream. Its end() closes standard output.
std::unique_ptr<net::ByteStream> make_stdio_stream(Loop& loop);

}  // namespace hsfwd::platform
