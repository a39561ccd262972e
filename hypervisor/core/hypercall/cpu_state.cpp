// SPDX-License-Identifier: MIT
// The hypercalls by which a kernel changes its processor on every context switch, the debug registers, and descriptors.
#include "core/guest_access.hpp"
#include "core/hal/vcpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/descriptor.hpp"
#include "core/pv/registers.hpp"

namespace hv {
Outcome do_stack_switch(Vcpu& vcpu, HypercallArgs& args) {
    vcpu.kernel_ss = pv::stack_selector(static_cast<u16>(args[0]));
    vcpu.kernel_sp = args[1];  // checked by each frame that is pushed there
    return 0;
}

Outcome do_set_segment_base(Vcpu& vcpu, HypercallArgs& args) {
    u32 const which = static_cast<u32>(args[0]);
    u64 const value = args[1];
    if (which == abi::segbase::gs_user_sel) {
        // A bad selector leaves a null one, as a fault in the guest's own load would.
        u16 const selector = static_cast<u16>(value);
        if (hal::load_user_gs_selector(vcpu, selector)) return 0;
        Result<> const found = load_ldt_page_of(vcpu, selector);
        if (found) (void)hal::load_user_gs_selector(vcpu, selector);
        else if (found.error() == Errno::again) return Errno::again;
        return 0;
    }
    if (which > abi::segbase::gs_user_sel || !is_canonical(value)) return Errno::inval;
    hal::set_segment_base(vcpu, which, value);
    return 0;
}

Outcome do_fpu_taskswitch(Vcpu& vcpu, HypercallArgs& args) {
    bool const set = args[0] != 0;
    if (vcpu.cr0_ts != set) {
        vcpu.cr0_ts = set;
        hal::load_virtual_ts(vcpu);
    }
    return 0;
}

namespace {
constexpr u64 cr4_debugging_extensions = 1u << 3;

// Registers 4 and 5 are other names of 6 and 7 unless CR4.DE says that they do not exist (SDM volume 3, 17.2.2).
Result<u32> register_number(Vcpu const& vcpu, u64 number) {
    if (number > 7) return Errno::inval;
    if (number != 4 && number != 5) return static_cast<u32>(number);
    if (vcpu.cr4 & cr4_debugging_extensions) return Errno::nodev;
    return static_cast<u32>(number + 2);
}
}  // namespace

Outcome do_set_debugreg(Vcpu& vcpu, HypercallArgs& args) {
    if (args[0] > 7) return Errno::nodev;
    u32 const number = TRY(register_number(vcpu, args[0]));
    u64 const value = args[1];
    switch (number) {
        case 6: vcpu.debug_registers[6] = pv::fixed_dr6(value); break;
        case 7:
            if (!pv::is_valid_dr7(value)) return Errno::perm;
            vcpu.debug_registers[7] = pv::fixed_dr7(value);
            break;
        default:
            if (!pv::is_valid_breakpoint(value)) return Errno::perm;
            vcpu.debug_registers[index_nospec(number, vcpu.debug_registers.size())] = value;
            break;
    }
    hal::load_debug_registers(vcpu);
    return 0;
}

Outcome do_get_debugreg(Vcpu& vcpu, HypercallArgs& args) {
    Result<u32> const number = register_number(vcpu, args[0]);
    if (!number) return number.error() == Errno::nodev ? Outcome{Errno::inval} : Outcome{number.error()};
    return static_cast<i64>(vcpu.debug_registers[index_nospec(*number, vcpu.debug_registers.size())]);
}

// (frames*, entries): the guest part of the GDT, at most 7168 entries.
Outcome do_set_gdt(Vcpu& vcpu, HypercallArgs& args) {
    u64 const entries = args[1];
    if (entries > max_gdt_entries) return Errno::inval;
    std::array<Mfn, max_gdt_frames> frames{};
    u32 const count = descriptor_pages(entries);
    TRY(copy_in_bytes(frames.data(), args[0], count * sizeof(Mfn)));
    return set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));
}

// (machine address, descriptor)
Outcome do_update_descriptor(Vcpu& vcpu, HypercallArgs& args) {
    return store_descriptor(*vcpu.domain, Maddr{args[0]}, args[1]);
}
}  // namespace hv
