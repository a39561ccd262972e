// SPDX-License-Identifier: MIT
// A virtual CPU: plain data, in parts that their subjects own. x86 loads it into hardware when the vCPU is switched in,
// core changes it on behalf of hypercalls.
#pragma once
#include "core/event/parts.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/parts.hpp"
#include "core/pv/parts.hpp"
#include "core/sched/parts.hpp"
#include "core/time/parts.hpp"

namespace hv {
struct Domain;

inline constexpr u32 max_vcpus_per_domain = 128;

// The first three begin with what assembly reads; offsets are generated.
struct Vcpu : event::VcpuPart, mm::VcpuPart, pv::VcpuPart, sched::VcpuPart, guest_time::VcpuPart {
    Domain* domain = nullptr;  // null for an idle vCPU
    VcpuId id{};
    bool is_idle() const { return domain == nullptr; }
};
}  // namespace hv
