# SPDX-License-Identifier: MIT
# The pure parts, as a list: the tests build them again with sanitizers, the fuzzer with its instrumentation.
set(XENSTORED_CORE_SOURCES
    wire.cpp permissions.cpp children.cpp store.cpp quota.cpp output.cpp watch.cpp transaction.cpp ring.cpp ring_client.cpp
    server.cpp node_requests.cpp session_requests.cpp domain_requests.cpp control.cpp)
list(TRANSFORM XENSTORED_CORE_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
get_filename_component(tools ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
list(APPEND XENSTORED_CORE_SOURCES ${PORTABLE_xenstore})
set(XENSTORED_INCLUDE_DIR ${tools} ${tools}/../hypervisor)
