// SPDX-License-Identifier: MIT
// vCPUs that begin in a state in which none may run. The last vCPU is kept for this: it never gets a context.
#include <array>

#include "attack.hpp"

namespace attacks {
namespace {
namespace hc = abi::hypercall;
namespace op = abi::vcpuop;

constexpr u32 spare = 3;
constinit abi::VcpuGuestContext context{};

[[noreturn]] void never() {
    for (;;) {}
}

void prepare(u32 flags, u64 kernel_root, u64 user_root) {
    context = {};
    context.flags = flags;
    context.user_regs.rip = reinterpret_cast<u64>(never);
    context.user_regs.cs = abi::selector::flat_cs64;
    context.user_regs.ss = abi::selector::flat_ss;
    context.user_regs.rflags = 0x202;
    context.ctrlreg[1] = user_root;
    context.ctrlreg[3] = kernel_root;
}

// If it is taken the vCPU starts, and runs on what is no root.
void start(u32 flags, u64 kernel_root, u64 user_root, std::string_view what) {
    prepare(flags, kernel_root, user_root);
    refused(guest::vcpu_op(op::initialise, spare, &context), what);
    refused(guest::vcpu_op(op::up, spare), "a vCPU without a context starts");
}

// Frame 0 means "none", in its own words and in addresses within the frame.
void without_a_root() {
    Page page;
    u64 const good = guest::page_table::kernel_root().value << abi::page_shift;
    for (u64 none : {u64{0}, u64{8}, u64{0xfff}}) {
        start(abi::vgcf::in_kernel, none, 0, "a kernel on no root");
        start(abi::vgcf::in_kernel, none, good, "a kernel on no root, with one for its user space");
        start(0, good, none, "user space on no root");
        start(0, none, none, "no root at all");
    }
    for (u64 wrong : {page.frame().value << abi::page_shift, ~u64{0}, u64{1} << 63, good | u64{1} << 52}) {
        start(abi::vgcf::in_kernel, wrong, 0, "a kernel on what is no root");
        start(0, good, wrong, "user space on what is no root");
    }
}

constexpr std::array list{
    Attack{"vcpus.without_a_root", without_a_root},
};
}  // namespace

Topic vcpu_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
