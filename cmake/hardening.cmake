# What a program that takes datagrams from strangers is compiled with: the flags of Debian's
# hardening=+all, and the assertions of libstdc++ (docs/adr/0014). An interface that hsfwd_flags
# links, so that nothing of it reaches the code of a project that has this one inside.

option(HSFWD_HARDENING "Compile and link as Debian's hardening=+all does" ${PROJECT_IS_TOP_LEVEL})
add_library(hsfwd_hardening INTERFACE)
# Indices and empty containers: wherever it is off, a mistake reads what lies beside.
if(HSFWD_HARDENING OR HSFWD_SANITIZE)
  target_compile_definitions(hsfwd_hardening INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# The sanitizers find the same mistakes, and more exactly: they replace what fortified code calls.
if(NOT HSFWD_HARDENING OR HSFWD_SANITIZE)
  return()
endif()

include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)
# hsfwd_harden(FLAG...): those that this compiler knows for this machine.
function(hsfwd_harden)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "HSFWD_HAS${flag}" known)
    check_cxx_compiler_flag(${flag} ${known})
    if(${known})
      target_compile_options(hsfwd_hardening INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

hsfwd_harden(-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
             -fcf-protection -mbranch-protection=standard) # the last two: x86, ARM
target_compile_options(hsfwd_hardening INTERFACE -Wformat -Werror=format-security)
# Needs optimisation. A C library that does not know 3 takes it for 2.
target_compile_options(hsfwd_hardening INTERFACE
  $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
  $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=3>)
# -fPIE is cheaper than -fPIC, which who links the libraries into a shared one asks for.
target_compile_options(hsfwd_hardening INTERFACE
  $<$<NOT:$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>:-fPIE>)
target_link_options(hsfwd_hardening INTERFACE
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro -Wl,-z,now)
# The C library's start files of Debian 12 lack the mark of -fcf-protection, and for their sake the linker
# would take it from the whole program.
check_linker_flag(CXX "-Wl,-z,ibt,-z,shstk" HSFWD_HAS_z_ibt_shstk)
if(HSFWD_HAS_fcf_protection AND HSFWD_HAS_z_ibt_shstk)
  target_link_options(hsfwd_hardening INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-Wl,-z,ibt,-z,shstk>)
endif()
