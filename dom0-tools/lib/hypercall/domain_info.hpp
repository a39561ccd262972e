// SPDX-License-Identifier: MIT
// A domain as the hypervisor describes it.
#pragma once
#include <array>
#include <cstdint>

namespace paravane {
using DomainHandle = std::array<std::uint8_t, 16>;

enum class ShutdownReason : std::uint8_t {
    poweroff = 0,
    reboot = 1,
    suspend = 2,
    crash = 3,
    watchdog = 4,
    soft_reset = 5
};

struct DomainInfo {
    std::uint16_t id = 0;
    bool dying = false, shutdown = false, paused = false, blocked = false, running = false;
    ShutdownReason reason = ShutdownReason::poweroff;  // where shutdown
    std::uint64_t pages = 0;
    std::uint64_t shared_info_frame = 0;
    std::uint64_t cpu_time_ns = 0;
    std::uint32_t online_vcpus = 0;
    DomainHandle handle{};
};
}  // namespace paravane
