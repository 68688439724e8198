# The wall: what users of the library may include, and thereby all that is installed. Read by
# tests/lint/includes.js, too, which sees that none of these needs a header that is not among them.

# Folders of which every header is public: the interface, what stands on it, and the seams that an
# embedder implements.
set(HSFWD_PUBLIC_FOLDERS src/node src/forward src/overlay src/ip src/resolver src/net src/crypto src/util)
# Of these, not: the way behind the interface, for tests, and what the interface does with sessions.
set(HSFWD_PRIVATE_HEADERS
    src/node/client_session.hpp
    src/node/client_sessions.hpp
    src/node/internals.hpp
    src/node/pending_stream.hpp
    src/node/server_sessions.hpp
    src/node/session_peer.hpp
    src/node/session_record.hpp)
# Values of the rooms below that the interface hands on as they are. They hold no class.
set(HSFWD_VALUE_HEADERS
    src/hyperdht/diagnose/advice.hpp
    src/hyperdht/diagnose/survey_report.hpp
    src/hyperdht/nat/attempt_event.hpp
    src/hyperdht/nat/connect_error.hpp
    src/hyperdht/nat/path_kind.hpp
    src/hyperdht/nat/punch_failure.hpp
    src/hyperdht/relay/relay_limits.hpp
    src/hyperdht/server/client_relay_policy.hpp
    src/hyperdht/server/reachability.hpp
    src/hyperdht/wire/extension.hpp
    src/hyperdht/wire/firewall.hpp
    src/hyperdht/wire/key_text.hpp
    src/rpc/bootstrap_node.hpp)
# Of hsfwd_uv: a loop with its Env, local streams, and what long-lived programs want of a system.
set(HSFWD_UV_HEADERS
    platform/clock.hpp
    platform/file_lock.hpp
    platform/identity_file.hpp
    platform/interface_watch.hpp
    platform/log_sink.hpp
    platform/loop.hpp
    platform/memory_reserve.hpp
    platform/packet_tunnels.hpp
    platform/signals.hpp
    platform/streams.hpp
    platform/unique_fd.hpp)
