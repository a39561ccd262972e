// SPDX-License-Identifier: MIT
// Entries from user mode, and the switch from one process to another.
#include "runtime/user.hpp"

#include "entries.hpp"
#include "measure.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace bench {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;

constexpr u64 code_address = 0x400000;
constexpr u64 unmapped_address = 0x700000;
constexpr u32 user_operations = 256;  // of the loops in entries.S

void measure_in_user_mode(guest::UserSpace& space, Row const& row, char const* code) {
    if (!wanted(row)) { return; }
    Counters const before = read_counters();
    u64 best = ~u64{0};
    for (u32 round = 0; round < rounds; ++round) {
        guest::TrapFrame frame = guest::user_frame(code_address + static_cast<u64>(code - bench_user_code), 0);
        frame.rsi = unmapped_address;
        space.run(frame);
        if (frame.rbx < best) { best = frame.rbx; }
    }
    report(row, best, before);
}

// What Linux calls to switch from one process to another.
class ContextSwitch {
public:
    ContextSwitch(Mfn kernel_root, Mfn user_root) {
        stack_switch_.op = hc::stack_switch;
        stack_switch_.args[0] = abi::selector::flat_ss;
        stack_switch_.args[1] = address_of(guest::memory::allocate()) + guest::page_size;
        roots_.op = hc::mmuext_op;
        roots_.args[0] = address_of(bases_);
        roots_.args[1] = 2;
        roots_.args[3] = abi::domid_self.value;
        bases_[0].cmd = abi::mmuext::new_baseptr;
        bases_[0].arg1.mfn = kernel_root;
        bases_[1].cmd = abi::mmuext::new_user_baseptr;
        bases_[1].arg1.mfn = user_root;
        fpu_.op = hc::fpu_taskswitch;
        fpu_.args[0] = 1;
        segment_.op = hc::set_segment_base;
        segment_.args[0] = abi::segbase::fs;
    }
    void operator()() { (void)guest::multicall(&stack_switch_, 4); }

private:
    abi::MulticallEntry stack_switch_{}, roots_{}, fpu_{}, segment_{};
    abi::MmuextOp bases_[2]{};
};

void measure_context_switch(Mfn user_root) {
    ContextSwitch there{pt::kernel_root(), user_root};
    measure({"guest_context_switch_multicall4"}, [&] { there(); });
    (void)guest::fpu_taskswitch(0);
}
}  // namespace

void measure_user_mode() {
    void* code = guest::memory::allocate();
    __builtin_memcpy(code, bench_user_code, static_cast<std::size_t>(bench_user_code_end - bench_user_code));
    guest::UserSpace space;
    require(space.map(code_address, guest::memory::mfn_of(code), guest::pte::read_only) && space.activate(),
            "a user address space");
    set_callback(abi::callback::syscall, bench_syscall, 0);
    set_gate(guest::trap::page_fault, bench_skip_load, 0);
    measure_in_user_mode(space, {"user_syscall_bounce_and_iret", user_operations}, bench_user_syscalls);
    measure_in_user_mode(space, {"pagefault_from_user_bounce_and_iret", user_operations}, bench_user_faults);
    guest::trap::initialise();
    measure_context_switch(space.root());
}
}  // namespace bench
