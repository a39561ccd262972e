// SPDX-License-Identifier: MIT
// Batches of calls that contain themselves, rewrite themselves, leave themselves, or do not end.
#include <array>

#include "attack.hpp"

extern "C" char attack_landing[];

namespace attacks {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;
using Entry = abi::MulticallEntry;

Entry call(u64 op, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0) {
    return {.op = op, .result = 0xdead, .args = {a1, a2, a3, a4, 0, 0}};
}
Entry version() { return call(hc::xen_version); }
constexpr u64 version_number = 4 << 16 | 17;

void nested() {
    Entry inner[2] = {version(), version()};
    Entry outer[3] = {version(), call(hc::multicall, address_of(inner), 2), version()};
    accepted(guest::multicall(outer, 3), "the outer batch");
    expect(static_cast<i64>(outer[1].result) < 0 && inner[0].result == 0xdead, "the inner batch does not run");
    expect(outer[0].result == version_number && outer[2].result == version_number, "the others do");
    Entry itself[2] = {version(), version()};
    itself[1] = call(hc::multicall, address_of(itself), 2);
    accepted(guest::multicall(itself, 2), "a batch that names itself comes to its end");
}

// The first call's output lands on the entry behind it, which then asks for something else.
void self_overwriting() {
    alignas(64) static constinit Entry entries[4]{};
    for (u32 offset : {0u, 8u, 16u, 64u, 72u, 120u, 128u}) {
        for (Entry& entry : entries) { entry = version(); }
        entries[0] = call(hc::xen_version, abi::xenver::extraversion, address_of(entries) + offset);
        accepted(guest::multicall(entries, 4), "the batch");
        expect(entries[3].result == version_number || offset >= 120, "the last call is the one it was");
    }
    std::array<u64, 2> version_text{};
    accepted(guest::xen_version(abi::xenver::extraversion, version_text.data()), "the text");
    u64 const text = version_text[0];
    // What stands in an entry is the guest's: only its result is written.
    entries[0] = call(hc::xen_version, abi::xenver::extraversion, address_of(entries) + 16);
    accepted(guest::multicall(entries, 4), "the batch");
    expect(entries[0].args[0] == text, "the text over the arguments stays");
    // Read while it is written: the results of one batch are the calls of the other.
    for (Entry& entry : entries) { entry = version(); }
    entries[0] = call(hc::memory_op, abi::memop::machphys_mapping, address_of(&entries[1]));
    accepted(guest::multicall(entries, 4), "a structure over the next entries");
    expect(entries[3].result == version_number, "the last call is the one it was");
}

void with_iret() {
    static constinit Entry entries[3]{};
    entries[0] = version();
    entries[1] = call(hc::iret);
    entries[2] = version();
    // The frame is whatever lies at the stack pointer: here one that leads to a breakpoint and an end.
    static constinit std::array<u64, 128> stack{};
    auto* frame = reinterpret_cast<abi::IretContext*>(&stack[64]);
    *frame = {};
    frame->rip = address_of(attack_landing);
    frame->cs = abi::selector::flat_cs64 & ~u64{3};
    frame->rflags = 0x202;
    frame->rsp = address_of(&stack[60]);
    frame->ss = abi::selector::flat_ss;
    guest::trap::set_handler(guest::trap::breakpoint, [](guest::TrapFrame&) { return true; });
    guest::TrapFrame caught{};
    bool const left = guest::trap::attempt(
        [] {
            asm volatile(
                "mov %%rsp, %%rbx\n\t"
                "mov %[stack], %%rsp\n\t"
                "syscall\n\t"
                "mov %%rbx, %%rsp"
                :
                : [stack] "r"(&stack[64]), "a"(u64{hc::multicall}), "D"(entries), "S"(u64{3})
                : "rbx", "rcx", "r11", "memory");
        },
        caught);
    guest::trap::set_handler(guest::trap::breakpoint, nullptr);
    expect(left && caught.rip > address_of(attack_landing) && caught.rip < address_of(attack_landing) + 64,
           "the batch ends where its iret leads");
    expect(entries[0].result == version_number && entries[2].result == 0xdead, "and makes no calls behind it");
    expect(guest::xen_version() == static_cast<i64>(version_number), "hypercalls go on");
}

void with_calls_that_leave() {
    Entry entries[6] = {version(),
                        call(hc::sched_op, abi::schedop::yield),
                        call(hc::stack_switch, abi::selector::flat_ss, 0x1000),
                        call(hc::sched_op_compat, 0),
                        call(hc::set_timer_op, 1),
                        version()};
    accepted(guest::multicall(entries, 6), "calls that leave the vCPU");
    expect(entries[5].result == version_number, "the last one runs");
}

// The batch's own page loses its mapping under it.
void unmapped_under_way() {
    Page page;
    auto* entries = reinterpret_cast<Entry*>(page.memory());
    for (u32 i = 0; i < 64; ++i) { entries[i] = version(); }
    entries[3] = call(hc::update_va_mapping, page.address(), 0, abi::uvmf::invlpg);
    refused(guest::multicall(entries, 64), "the rest of the batch cannot be read");
    accepted(pt::set_writable(page.memory()), "mapped again");
    for (u32 i = 0; i < 64; ++i) { entries[i] = version(); }
    entries[3] = call(hc::update_va_mapping, page.address(), page.read_only(), abi::uvmf::invlpg);
    (void)guest::multicall(entries, 64);
    expect(entries[10].result != version_number, "results are not written through a read-only mapping");
}

constexpr std::array list{
    Attack{"multicalls.nested", nested},
    Attack{"multicalls.self_overwriting", self_overwriting},
    Attack{"multicalls.with_iret", with_iret},
    Attack{"multicalls.with_calls_that_leave", with_calls_that_leave},
    Attack{"multicalls.unmapped_under_way", unmapped_under_way},
};
}  // namespace

Topic multicall_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks
