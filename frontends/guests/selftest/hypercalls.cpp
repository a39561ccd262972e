// SPDX-License-Identifier: MIT
// The call itself, xen_version, vm_assist, and calls that do not exist.
#include "check.hpp"
#include "runtime/guest.hpp"

namespace selftest {
namespace {
struct Registers {
    u64 rdi, rsi, rdx, r8, r9, r10, rbx, rbp, r12;
};

// All registers that a hypercall must give back, after xen_version(version).
Registers registers_after_a_call() {
    Registers after{};
    asm volatile(
        "push %%rbp\n\t"
        "mov $0x1111, %%esi\n\t"
        "mov $0x2222, %%edx\n\t"
        "mov $0x3333, %%r8d\n\t"
        "mov $0x4444, %%r9d\n\t"
        "mov $0x5555, %%r10d\n\t"
        "mov $0x6666, %%ebx\n\t"
        "mov $0x7777, %%r12d\n\t"
        "mov $0x8888, %%ebp\n\t"
        "xor %%edi, %%edi\n\t"
        "mov $17, %%eax\n\t"
        "syscall\n\t"
        "mov %%rdi, 0(%[out])\n\t"
        "mov %%rsi, 8(%[out])\n\t"
        "mov %%rdx, 16(%[out])\n\t"
        "mov %%r8, 24(%[out])\n\t"
        "mov %%r9, 32(%[out])\n\t"
        "mov %%r10, 40(%[out])\n\t"
        "mov %%rbx, 48(%[out])\n\t"
        "mov %%rbp, 56(%[out])\n\t"
        "mov %%r12, 64(%[out])\n\t"
        "pop %%rbp\n\t"
        :
        : [out] "r"(static_cast<Registers*>(__builtin_assume_aligned(&after, 8)))
        : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "rbx", "r12", "memory");
    return after;
}

bool starts_with(char const* text, std::string_view prefix) { return std::string_view{text}.starts_with(prefix); }

void test_version() {
    equal(static_cast<u64>(guest::xen_version()), 4u << 16 | 17, "xen_version is 4.17");
    equal(static_cast<u64>(guest::hypercall(abi::hypercall::xen_version, abi::xenver::pagesize)), 4096, "page size");
    abi::XenFeatureInfo features{.submap_idx = 0, .submap = 0};
    ok(guest::xen_version(abi::xenver::get_features, &features), "get_features of submap 0");
    auto has = [&](u32 bit) { return (features.submap >> bit & 1) != 0; };
    check(has(abi::feature::mmu_pt_update_preserve_ad), "feature mmu_pt_update_preserve_ad");
    check(has(abi::feature::gnttab_map_avail_bits), "feature gnttab_map_avail_bits");
    check(has(abi::feature::highmem_assist), "feature highmem_assist");
    check(!has(abi::feature::writable_page_tables), "no feature writable_page_tables");
    check(!has(abi::feature::auto_translated_physmap), "no feature auto_translated_physmap");
    check(!has(abi::feature::supervisor_mode_kernel), "no feature supervisor_mode_kernel");
    check(has(abi::feature::dom0) == guest::is_dom0(), "feature dom0 in dom0 only");
    features = {.submap_idx = 1, .submap = 0};
    fails(guest::xen_version(abi::xenver::get_features, &features), Errno::inval, "get_features of submap 1");
    static constinit abi::XenCapabilitiesInfo capabilities{};
    ok(guest::xen_version(abi::xenver::capabilities, &capabilities), "capabilities");
    check(starts_with(capabilities.text, "xen-3.0-x86_64"), "capabilities name xen-3.0-x86_64");
    abi::XenPlatformParameters platform{};
    ok(guest::xen_version(abi::xenver::platform_parameters, &platform), "platform_parameters");
    equal(platform.virt_start, abi::hypervisor_virt_start, "virt_start");
    fails(guest::hypercall(abi::hypercall::xen_version, 99), Errno::nosys, "an unknown xen_version");
    fails(guest::hypercall(abi::hypercall::xen_version, abi::xenver::get_features, 0x123000), Errno::fault,
          "get_features into an unmapped page");
    fails(guest::hypercall(abi::hypercall::xen_version, abi::xenver::get_features, 0xffff830000000000), Errno::fault,
          "get_features into the hypervisor's memory");
}

// As the first version of the interface had them.
void test_old_calls() {
    ok(guest::hypercall(abi::hypercall::sched_op_compat, abi::schedop::yield), "the old yield");
    fails(guest::hypercall(abi::hypercall::sched_op_compat, abi::schedop::poll), Errno::nosys, "no old poll");
    struct {
        u32 command;
        abi::EvtchnBindIpi bind;
    } event{abi::evtchnop::bind_ipi, {.vcpu = {0}, .port = {0}}};
    ok(guest::hypercall(abi::hypercall::event_channel_op_compat, address_of(&event)), "an old bind_ipi");
    check(event.bind.port.value != 0, "answers with a port");
    abi::EvtchnClose close{.port = event.bind.port};
    ok(guest::event_channel_op(abi::evtchnop::close, &close), "that can be closed");
    event.command = abi::evtchnop::reset;
    fails(guest::hypercall(abi::hypercall::event_channel_op_compat, address_of(&event)), Errno::nosys, "no old reset");
    struct {
        u32 command, pad;
        abi::PhysdevSetIopl level;
    } device{abi::physdevop::set_iopl, 0, {.iopl = 4}};
    fails(guest::hypercall(abi::hypercall::physdev_op_compat, address_of(&device)), Errno::inval, "an old set_iopl");
    device.level.iopl = 0;
    ok(guest::hypercall(abi::hypercall::physdev_op_compat, address_of(&device)), "that is good");
}
}  // namespace

void test_hypercalls() {
    Registers after = registers_after_a_call();
    check(after.rdi == 0 && after.rsi == 0x1111 && after.rdx == 0x2222 && after.r8 == 0x3333 && after.r9 == 0x4444 &&
              after.r10 == 0x5555,
          "argument registers are preserved");
    check(after.rbx == 0x6666 && after.rbp == 0x8888 && after.r12 == 0x7777, "other registers are preserved");
    for (u64 number : {11u, 43u, 47u, 56u, 63u, 64u, 1000u}) {
        fails(guest::hypercall(number), Errno::nosys, "a hypercall that does not exist");
    }
    fails(guest::hypercall(0xffffffffu), Errno::nosys, "hypercall number 2^32 - 1");
    test_version();
    ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::segments_4gb), "vm_assist 4gb_segments");
    ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::pae_extended_cr3), "vm_assist pae_extended_cr3");
    ok(guest::vm_assist(abi::vmassist::enable, abi::vmassist::runstate_update_flag), "vm_assist runstate_update_flag");
    ok(guest::vm_assist(abi::vmassist::disable, abi::vmassist::runstate_update_flag), "and without it again");
    fails(guest::vm_assist(abi::vmassist::enable, 20), Errno::inval, "an unknown vm_assist");
    fails(guest::vm_assist(7, abi::vmassist::writable_pagetables), Errno::nosys, "an unknown vm_assist command");
    ok(guest::sched_op(abi::schedop::yield), "yield");
    fails(guest::sched_op(77), Errno::nosys, "an unknown sched_op");
    test_old_calls();
}
}  // namespace selftest
