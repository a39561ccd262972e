// SPDX-License-Identifier: MIT
// What a domain and a vCPU are to event channels.
#pragma once
#include <atomic>
#include "core/mm/page_info.hpp"
#include "public/shared_info.hpp"

namespace hv {
class EventChannels;

inline constexpr u32 legacy_vcpus = 32;  // those that have a vcpu_info in shared_info
}  // namespace hv

namespace hv::event {
struct VcpuPart {
    abi::VcpuInfo* info = nullptr;  // in shared_info or on the page the guest registered. Assembly reads it
    PageInfo* info_page = nullptr;  // typed writable reference if registered by the guest
    std::atomic<u32> poll_port{0};  // port waited for in SCHEDOP_poll; 0: a list, or none
};

struct DomainPart {
    u32 max_event_channels = ~0u;  // highest port number allowed
    EventChannels* events = nullptr;
};
}  // namespace hv::event
