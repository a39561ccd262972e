// SPDX-License-Identifier: MIT
#include "runtime/smp.hpp"

#include <array>

#include "runtime/page_table.hpp"
#include "runtime/trap.hpp"

namespace guest {
namespace {
constexpr u64 stack_size = 4 * page_size;
struct alignas(16) Stack {
    std::array<u8, stack_size> bytes;
};
constinit std::array<Stack, smp::most_vcpus - 1> stacks{};
constinit abi::VcpuGuestContext context{};
}  // namespace

u32 smp::current() {
    u64 distance = address_of(__builtin_frame_address(0)) - address_of(stacks.data());
    return distance < sizeof(stacks) ? static_cast<u32>(distance / stack_size) + 1 : 0;
}

bool smp::start(u32 vcpu, void (*function)()) {
    if (vcpu == 0 || vcpu >= most_vcpus) { return false; }
    context = {};
    context.flags = abi::vgcf::in_kernel;
    context.user_regs.rip = reinterpret_cast<u64>(function);
    context.user_regs.cs = abi::selector::flat_cs64;
    context.user_regs.ss = abi::selector::flat_ss;
    // As a call would leave it: the return address is null.
    context.user_regs.rsp = address_of(&stacks[vcpu - 1]) + stack_size - 8;
    context.user_regs.rflags = 0x202;
    context.kernel_ss = abi::selector::flat_ss;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = page_table::kernel_root().value << abi::page_shift;
    for (abi::TrapInfo const& gate : trap::gates()) { context.trap_ctxt[gate.vector] = gate; }
    return vcpu_op(abi::vcpuop::initialise, vcpu, &context) == 0 && vcpu_op(abi::vcpuop::up, vcpu) == 0;
}
}  // namespace guest
