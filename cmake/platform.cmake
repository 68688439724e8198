# The files of platform, by system: what needs no more than libuv and standard C++, what Unix systems
# share, what is Linux's alone. A port is a folder with its list here; see platform/PORTING.md.
set(platform_common
    platform/common/clock.cpp
    platform/common/identity_file.cpp
    platform/common/interfaces.cpp
    platform/common/log_sink.cpp
    platform/common/loop.cpp
    platform/common/memory_reserve.cpp
    platform/common/poll.cpp
    platform/common/resolver.cpp
    platform/common/sockaddr.cpp
    platform/common/udp_plain.cpp)
set(platform_posix
    platform/posix/background_writer.cpp
    platform/posix/closing_sockets.cpp
    platform/posix/control_socket.cpp
    platform/posix/descriptor_alarm.cpp
    platform/posix/directories.cpp
    platform/posix/fd_stream.cpp
    platform/posix/file_limit.cpp
    platform/posix/file_lock.cpp
    platform/posix/groups.cpp
    platform/posix/host_name.cpp
    platform/posix/listen_problem.cpp
    platform/posix/loop_files.cpp
    platform/posix/node_file.cpp
    platform/posix/others.cpp
    platform/posix/random.cpp
    platform/posix/secret_file.cpp
    platform/posix/service_manager.cpp
    platform/posix/signals.cpp
    platform/posix/live_screen.cpp
    platform/posix/standard_streams.cpp
    platform/posix/streams.cpp
    platform/posix/text_file.cpp
    platform/posix/unique_fd.cpp
    platform/posix/unix_listener.cpp)
set(platform_linux
    platform/linux/alarm.cpp
    platform/linux/available_memory.cpp
    platform/linux/captured.cpp
    platform/linux/clock.cpp
    platform/linux/confined_program.cpp
    platform/linux/confinement.cpp
    platform/linux/confinement_channel.cpp
    platform/linux/core_dumps.cpp
    platform/linux/fresh_file.cpp
    platform/linux/host_network.cpp
    platform/linux/host_routes.cpp
    platform/linux/interface_watch.cpp
    platform/linux/journal.cpp
    platform/linux/kill_switch.cpp
    platform/linux/listeners.cpp
    platform/linux/mark_rules.cpp
    platform/linux/namespace_refusal.cpp
    platform/linux/netlink.cpp
    platform/linux/netlink_news.cpp
    platform/linux/packet_tunnel.cpp
    platform/linux/private_files.cpp
    platform/linux/process_figures.cpp
    platform/linux/socket.cpp
    platform/linux/socket_file.cpp
    platform/linux/socket_marks.cpp
    platform/linux/spawned.cpp
    platform/linux/split_dns.cpp
    platform/linux/system_facts.cpp
    platform/linux/tun_device.cpp
    platform/linux/tun_file.cpp
    platform/linux/tun_reader.cpp
    platform/linux/tun_writer.cpp
    platform/linux/tunnel_setup.cpp
    platform/linux/udp.cpp)

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(HSFWD_PLATFORM_SOURCES ${platform_common} ${platform_posix} ${platform_linux})
  pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
  set(HSFWD_PLATFORM_LIBRARIES PkgConfig::MNL)
else()
  message(FATAL_ERROR "platform/ has no files for ${CMAKE_SYSTEM_NAME} yet; platform/PORTING.md says "
                      "what they have to provide. -DHSFWD_UV=OFF builds the library for another event loop.")
endif()
