// SPDX-License-Identifier: MIT
// The virtual processor's own calls, multicalls, and any call at all.
#include "fuzz.hpp"
#include "runtime/event.hpp"
#include "runtime/time.hpp"
#include "runtime/trap.hpp"

extern "C" {
extern char trap_event_upcall[], trap_failsafe[], trap_syscall[];  // runtime/trap.S
}

namespace fuzz {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;

i64 set_trap_table(Fuzzer& f) {
    abi::TrapInfo table[2]{};
    table[0] = {.vector = static_cast<u8>(0x90 + f.random.below(0x60)),
                .flags = static_cast<u8>(f.random.below(8)),
                .cs = abi::selector::flat_cs64,
                .pad = 0,
                .address = f.twist(0x1000)};
    return guest::set_trap_table(table);
}

i64 set_gdt(Fuzzer& f) {
    u32 count = f.random.below(4);
    Mfn frames[4];
    for (Mfn& frame : frames) { frame = Mfn{f.frame()}; }
    if (f.random.one_in(2)) { return guest::set_gdt(nullptr, 0); }
    return guest::set_gdt(frames, static_cast<u32>(f.twist(count * 512)));
}

i64 update_descriptor(Fuzzer& f) {
    u64 descriptor = f.random.one_in(3) ? f.random.next() : 0x00cff3000000ffff;
    return guest::update_descriptor(f.frame() << 12 | u64{f.random.below(512)} * 8, descriptor);
}

i64 stack_switch(Fuzzer& f) { return guest::stack_switch(f.twist(abi::selector::flat_ss), f.twist(0x10000)); }
i64 fpu_taskswitch(Fuzzer& f) { return guest::fpu_taskswitch(static_cast<u32>(f.twist(0))) | guest::fpu_taskswitch(0); }

// The runtime's own on vCPU 0, which takes upcalls; else what must be refused.
i64 set_callbacks(Fuzzer& f) {
    if (f.vcpu != 0 || f.random.one_in(2)) {
        return guest::hypercall(hc::set_callbacks, f.twist(u64{1} << 63), u64{1} << 63, u64{1} << 63);
    }
    return guest::hypercall(hc::set_callbacks, address_of(trap_event_upcall), address_of(trap_failsafe),
                            address_of(trap_syscall));
}

i64 callback_op(Fuzzer& f) {
    abi::CallbackRegister request{.type = abi::callback::sysenter, .flags = 0, .pad = 0, .address = {f.twist(0x1000)}};
    if (f.random.one_in(3)) { request.type = abi::callback::nmi; }
    return guest::callback_op(f.random.one_in(4) ? 1 : 0, &request);
}

i64 set_debugreg(Fuzzer& f) {
    u32 index = f.random.below(4);
    i64 result = guest::set_debugreg(static_cast<u32>(f.twist(index)), f.twist(0x2000));
    (void)guest::set_debugreg(7, 0x400);
    return result;
}
i64 get_debugreg(Fuzzer& f) { return guest::get_debugreg(static_cast<u32>(f.twist(f.random.below(4)))); }

i64 set_segment_base(Fuzzer& f) {
    return guest::set_segment_base(static_cast<u32>(f.twist(f.random.below(4))), f.twist(0));
}

i64 set_timer_op(Fuzzer& f) {
    return guest::hypercall(hc::set_timer_op, f.twist(guest::time::now() + f.random.below(100000)));
}

i64 vm_assist(Fuzzer& f) {
    u32 type = f.random.one_in(3) ? static_cast<u32>(f.hostile()) : 5;
    return guest::vm_assist(f.random.below(2), type);
}

template <u32 command>
i64 xen_version(Fuzzer& f) {
    *reinterpret_cast<u64*>(f.result_place()) = 0;
    u64 place = command == abi::xenver::pagesize ? 0 : address_of(f.result_place());  // it takes no argument
    return guest::hypercall(hc::xen_version, f.twist(command), f.twist(place));
}

i64 console_io(Fuzzer& f) {
    char text[4] = {'f', 'u', 'z', 'z'};
    return guest::console_io(abi::consoleio::write, f.random.one_in(2000) ? 4 : 0, text);
}

template <u32 command>
i64 vcpu_op(Fuzzer& f) {
    u64* words = reinterpret_cast<u64*>(f.result_place());
    if (command == abi::vcpuop::set_periodic_timer) { words[0] = f.twist(10 * guest::time::millisecond); }
    if (command == abi::vcpuop::set_singleshot_timer) {
        words[0] = f.twist(guest::time::now() + 50000);
        words[1] = f.random.below(2);
    }
    if (command == abi::vcpuop::register_runstate_memory_area ||
        command == abi::vcpuop::register_vcpu_time_memory_area) {
        words[0] = f.twist(address_of(f.page()));
    }
    u32 which = command == abi::vcpuop::is_up || command == abi::vcpuop::up ? f.random.below(2) : f.vcpu;
    return guest::hypercall(hc::vcpu_op, command, f.twist(which), address_of(words));
}

// To the vCPU itself, which has no handler then: what is registered here and there is no code.
i64 send_nmi(Fuzzer& f) {
    abi::CallbackUnregister none{.type = abi::callback::nmi, .unused = 0};
    (void)guest::callback_op(abi::callbackop::unregister_callback, &none);
    return guest::vcpu_op(abi::vcpuop::send_nmi, f.vcpu);
}
i64 nmi_op(Fuzzer& f) {
    abi::NmiCallback handler{.handler_address = {f.twist(0x1000)}, .pad = 0};
    return guest::hypercall(hc::nmi_op, f.random.below(2), address_of(&handler));
}

// vCPU 0 stops the other one for a moment.
i64 down(Fuzzer& f) {
    if (f.vcpu != 0) { return -1; }
    i64 result = guest::vcpu_op(abi::vcpuop::down, static_cast<u32>(f.twist(1)) | 1);
    (void)guest::vcpu_op(abi::vcpuop::up, 1);
    return result;
}

// Once, on the second vCPU: then the place is taken. The runtime's own stays where it is.
i64 register_vcpu_info(Fuzzer& f) {
    abi::RegisterVcpuInfo request{.mfn = Mfn{nowhere}, .offset = static_cast<u32>(f.twist(2048)), .rsvd = 0};
    if (f.vcpu == 1) { request.mfn = guest::memory::mfn_of(f.result_place() + 2048); }
    return guest::vcpu_op(abi::vcpuop::register_vcpu_info, f.vcpu, &request);
}

i64 set_iopl(Fuzzer& f) {
    abi::PhysdevSetIopl request{.iopl = static_cast<u32>(f.twist(f.random.below(4)))};
    return guest::physdev_op(abi::physdevop::set_iopl, &request);
}

i64 set_iobitmap(Fuzzer& f) {
    abi::PhysdevSetIobitmap request{.bitmap = guest::pointer_to(f.result_place()),
                                    .nr_ports = static_cast<u32>(f.twist(f.random.below(20000))),
                                    .pad = 0};
    return guest::physdev_op(abi::physdevop::set_iobitmap, &request);
}

// Once, too.
i64 show_interrupt_ends(Fuzzer& f) {
    abi::PhysdevPirqEoiGmfn request{.gmfn = abi::Gfn{Fuzzer::spare(f.twist(guest::memory::mfn_of(f.page()).value))}};
    return guest::physdev_op(abi::physdevop::pirq_eoi_gmfn_v2, &request);
}

// Harmless calls and any others, one after the other.
i64 multicall(Fuzzer& f) {
    constexpr u64 numbers[] = {hc::fpu_taskswitch,
                               hc::fpu_taskswitch,
                               hc::get_debugreg,
                               hc::multicall,
                               hc::xsm_op,
                               u64{1} << 32 | hc::xen_version,
                               ~u64{0}};
    std::array<abi::MulticallEntry, 8> entries{};
    u32 count = 1 + f.random.below(8);
    for (u32 i = 0; i < count; ++i) {
        abi::MulticallEntry& entry = entries[i];
        switch (f.random.below(4)) {
            case 0:
                entry = {.op = hc::xen_version, .result = 0, .args = {f.twist(0), address_of(f.result_place())}};
                break;
            case 1:
                entry = {.op = hc::update_va_mapping,
                         .result = 0,
                         .args = {f.window_address(), f.entry(), f.random.below(8)}};
                break;
            case 2:
                entry = {.op = hc::mmuext_op, .result = 0, .args = {f.twist(0x5000000000), f.twist(1), 0, 0x7ff0}};
                break;
            default: entry = {.op = f.random.pick(numbers), .result = 0, .args = {0x5000000000}}; break;
        }
    }
    return guest::hypercall(hc::multicall, f.twist(address_of(entries.data())), count);
}

// Calls that could end this guest by right are left out: it would prove nothing.
bool ends_the_guest(u64 number) {
    return number == hc::iret || number == hc::sched_op || number == hc::sched_op_compat ||
           number == hc::set_trap_table || number == hc::set_callbacks || number == hc::callback_op ||
           number == hc::vcpu_op || number == hc::multicall || number == hc::mmu_update || number == hc::stack_switch ||
           number == hc::memory_op || number == hc::vm_assist || number == hc::set_segment_base ||
           number == hc::fpu_taskswitch;
}

i64 anything(Fuzzer& f) {
    u64 number = f.random.one_in(4) ? f.random.next() >> 8 : f.random.below(70);
    if (ends_the_guest(number)) { return -1; }
    return guest::hypercall(number, f.hostile(), f.hostile(), f.hostile(), f.hostile(), f.hostile());
}

i64 privileged(Fuzzer& f) {
    u64* words = reinterpret_cast<u64*>(f.result_place());
    words[0] = f.random.below(90) | u64{0x15} << 32;
    words[1] = f.twist(0);
    u32 calls[] = {hc::domctl, hc::sysctl, hc::platform_op};
    return guest::hypercall(f.random.pick(calls), address_of(words));
}

constexpr Operation list[] = {
    {"set_trap_table", set_trap_table},
    {"set_gdt", set_gdt},
    {"update_descriptor", update_descriptor},
    {"stack_switch", stack_switch},
    {"fpu_taskswitch", fpu_taskswitch},
    {"set_callbacks", set_callbacks, 2},
    {"callback_op", callback_op},
    {"set_debugreg", set_debugreg},
    {"get_debugreg", get_debugreg},
    {"set_segment_base", set_segment_base},
    {"set_timer_op", set_timer_op},
    {"vm_assist", vm_assist},
    {"version version", xen_version<abi::xenver::version>, 2},
    {"version extraversion", xen_version<abi::xenver::extraversion>, 2},
    {"version compile_info", xen_version<abi::xenver::compile_info>, 2},
    {"version capabilities", xen_version<abi::xenver::capabilities>, 2},
    {"version changeset", xen_version<abi::xenver::changeset>, 2},
    {"version platform_parameters", xen_version<abi::xenver::platform_parameters>, 2},
    {"version get_features", xen_version<abi::xenver::get_features>, 2},
    {"version pagesize", xen_version<abi::xenver::pagesize>, 2},
    {"version guest_handle", xen_version<abi::xenver::guest_handle>, 2},
    {"version commandline", xen_version<abi::xenver::commandline>, 2},
    {"console_io", console_io, 3},
    {"vcpu is_up", vcpu_op<abi::vcpuop::is_up>},
    {"vcpu up", vcpu_op<abi::vcpuop::up>},
    {"vcpu down", down, 1},
    {"vcpu get_runstate_info", vcpu_op<abi::vcpuop::get_runstate_info>},
    {"vcpu register_runstate_memory_area", vcpu_op<abi::vcpuop::register_runstate_memory_area>},
    {"vcpu register_vcpu_time_memory_area", vcpu_op<abi::vcpuop::register_vcpu_time_memory_area>},
    {"vcpu set_periodic_timer", vcpu_op<abi::vcpuop::set_periodic_timer>, 3},
    {"vcpu stop_periodic_timer", vcpu_op<abi::vcpuop::stop_periodic_timer>, 6},
    {"vcpu set_singleshot_timer", vcpu_op<abi::vcpuop::set_singleshot_timer>},
    {"vcpu stop_singleshot_timer", vcpu_op<abi::vcpuop::stop_singleshot_timer>},
    {"vcpu send_nmi", send_nmi, 3},
    {"nmi_op", nmi_op, 3},
    {"vcpu register_vcpu_info", register_vcpu_info, 2},
    {"physdev set_iopl", set_iopl, 4},
    {"physdev set_iobitmap", set_iobitmap, 4},
    {"physdev pirq_eoi_gmfn", show_interrupt_ends, 1},
    {"multicall", multicall, 20},
    {"anything", anything, 30, true},
    {"privileged", privileged, 10, true},
};
}  // namespace

Operations processor_operations() { return {std::begin(list), std::end(list)}; }
}  // namespace fuzz
