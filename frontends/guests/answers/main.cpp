// SPDX-License-Identifier: MIT
// Asks every operation of every hypercall with arguments of four kinds and prints what each answers: the same lines on
// Xen and on ours, but for the differences that tests/system/answers_test.py lists. What would end the guest, block it
// or take its console is left out.
#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include "public/platform.hpp"
#include "public/sysctl.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"

namespace {
using namespace guest;

enum class Argument { null, unmapped, zeroes, ones };
constexpr std::array<std::string_view, 4> argument_names{"null", "unmapped", "zeroes", "ones"};
constexpr u64 unmapped_address = 0x7000'0000'0000;

struct Family {
    std::string_view name;
    u64 number;
    u32 commands;    // from 0 on
    bool with_vcpu;  // the second argument is a vCPU or a count, the argument comes third
    std::span<u32 const> left_out{};
};

constexpr std::array<u32, 5> sched_left_out{1, 2, 3, 4, 6};
constexpr std::array<u32, 3> vcpu_left_out{0, 2, 11};
constexpr std::array<u32, 1> callback_left_out{0};
constexpr std::array<u32, 1> event_left_out{10};  // reset takes the console's channel of a domU
constexpr std::array<u32, 2> memory_left_out{0, 5};
constexpr std::array<Family, 13> families{{
    {"sched_op_compat", abi::hypercall::sched_op_compat, 1, false, {sched_left_out.data(), 0}},
    {"memory_op", abi::hypercall::memory_op, 30, false, memory_left_out},
    {"xen_version", abi::hypercall::xen_version, 12, false},
    {"vm_assist enable", abi::hypercall::vm_assist, 0, false},
    {"vcpu_op", abi::hypercall::vcpu_op, 15, true, vcpu_left_out},
    {"xsm_op", abi::hypercall::xsm_op, 2, false},
    {"nmi_op", abi::hypercall::nmi_op, 3, false},
    {"sched_op", abi::hypercall::sched_op, 9, false, sched_left_out},
    {"callback_op", abi::hypercall::callback_op, 3, false, callback_left_out},
    {"event_channel_op", abi::hypercall::event_channel_op, 15, false, event_left_out},
    {"physdev_op", abi::hypercall::physdev_op, 34, false},
    {"hvm_op", abi::hypercall::hvm_op, 26, false},
    {"xenpmu_op", abi::hypercall::xenpmu_op, 8, false},
}};

std::array<char*, 4> arguments{};

void prepare() {
    for (u32 kind = 0; kind < arguments.size(); ++kind) {
        char* const buffer = arguments[kind];
        if (static_cast<Argument>(kind) == Argument::zeroes) std::fill_n(buffer, 2 * page_size, 0);
        if (static_cast<Argument>(kind) == Argument::ones) std::fill_n(buffer, 2 * page_size, char(0xff));
    }
}

void ask(Family const& family) {
    for (u32 command = 0; command < family.commands; ++command) {
        if (std::ranges::find(family.left_out, command) != family.left_out.end()) continue;
        print("{} {}:", family.name, command);
        for (u32 kind = 0; kind < arguments.size(); ++kind) {
            prepare();
            u64 const argument = address_of(arguments[kind]);
            i64 const answer = family.with_vcpu ? hypercall(family.number, command, 0, argument)
                                                : hypercall(family.number, command, argument);
            print(" {} {}", argument_names[kind], answer);
        }
        print("\n");
    }
}

// Operations of a structure whose first word is the command, and whose second may be an interface version.
void ask_structured(std::string_view name, u64 number, u32 commands, u32 version, u32 domain = 0,
                    std::span<u32 const> left_out = {}) {
    for (u32 command = 0; command < commands; ++command) {
        if (std::ranges::find(left_out, command) != left_out.end()) continue;
        prepare();
        auto* const words = reinterpret_cast<u32*>(arguments[2]);
        words[0] = command;
        words[1] = version;
        words[2] = domain;
        print("{} {}: {}\n", name, command, hypercall(number, address_of(words)));
    }
}

void ask_grants() {
    for (u32 command = 0; command < 14; ++command) {
        print("grant_table_op {}:", command);
        for (u32 count : {0u, 1u}) {
            for (u32 kind = 0; kind < arguments.size(); ++kind) {
                prepare();
                i64 const answer =
                    hypercall(abi::hypercall::grant_table_op, command, address_of(arguments[kind]), count);
                print(" {}*{} {}", argument_names[kind], count, answer);
            }
        }
        print("\n");
    }
}

void ask_mmuext() {
    for (u32 command = 0; command < 23; ++command) {
        print("mmuext_op {}:", command);
        for (u64 argument : {u64{0}, u64{1} << 40, unmapped_address}) {
            abi::MmuextOp op{};
            op.cmd = command;
            op.arg1.linear_addr.value = argument;
            print(" {:x} {}", argument, mmuext_op(&op, 1));
        }
        print("\n");
    }
}

// Whose frames, and above bit 16 whose tables, plus one: the caller by its number, nobody, and names that are reserved.
void ask_about_domains() {
    u64 const frame = memory::mfn_of(memory::allocate()).value;
    auto* const unmapped = static_cast<char*>(memory::allocate());
    constexpr u32 own = 0, nobody = 1000;
    constexpr u32 pages[] = {abi::domid_self.value, own,    nobody, abi::domid_io.value,
                             abi::domid_xen.value,  0x7ff5, 0x7fff};
    for (u32 domain : pages) {
        print("domain {}:", domain);
        abi::MmuUpdate update{.ptr = frame << 12, .val = 0};
        print(" mmu_update {}", mmu_update(&update, 1, nullptr, domain));
        print(" of none {}", mmu_update(&update, 0, nullptr, domain));
        print(" own tables {}", mmu_update(&update, 1, nullptr, domain | (own + 1) << 16));
        print(" nobody's tables {}", mmu_update(&update, 1, nullptr, domain | (nobody + 1) << 16));
        abi::MmuextOp op{};
        op.cmd = abi::mmuext::tlb_flush_local;
        print(" mmuext_op {}", hypercall(abi::hypercall::mmuext_op, address_of(&op), 1, 0, domain));
        print(" of none {}", hypercall(abi::hypercall::mmuext_op, address_of(&op), 0, 0, domain));
        print(" update_va_mapping {}\n",
              hypercall(abi::hypercall::update_va_mapping_otherdomain, address_of(unmapped), 0, 0, domain));
    }
}

// What a list of up to four registers of a CPU comes to: the call's answer, then that in each entry.
void ask_about_registers() {
    constexpr u64 time_stamp_counter = 0x10, energy = 0x611;
    struct Question {
        u32 count, cpu;
        abi::PlatformResourceEntry entries[2];
    };
    constexpr Question questions[]{
        {1, 0, {{{.cmd = 0}, 0, time_stamp_counter, 0}}},
        {2, 0, {{{.cmd = 0}, 0, time_stamp_counter, 0}, {{.cmd = 0}, 0, energy, 0}}},
        {2, 0, {{{.cmd = 0}, 0, energy, 0}, {{.cmd = 0}, 0, time_stamp_counter, 0}}},
        {1, 0, {{{.cmd = 1}, 0, time_stamp_counter, 0}}},
        {1, 0, {{{.cmd = 0}, 1, time_stamp_counter, 0}}},
        {1, 0, {{{.cmd = 0}, 0, u64{1} << 32, 0}}},
        {1, 0, {{{.cmd = 2}, 0, time_stamp_counter, 0}}},
        {1, 500, {{{.cmd = 0}, 0, time_stamp_counter, 0}}},
        {1, 500, {{{.cmd = 0}, 0, energy, 0}}},
        {4, 0, {}},
    };
    for (u32 i = 0; i < std::size(questions); ++i) {
        prepare();
        auto* const entries = reinterpret_cast<abi::PlatformResourceEntry*>(arguments[3]);
        std::ranges::copy(questions[i].entries, entries);
        abi::PlatformOp op{};
        op.cmd = abi::platformop::resource_op;
        op.interface_version = abi::platform_interface_version;
        op.u.resource_op = {questions[i].count, questions[i].cpu, {address_of(entries)}};
        i64 const answer = hypercall(abi::hypercall::platform_op, address_of(&op));
        print("resource_op {}: {} {} {}\n", i, answer, entries[0].u.ret, entries[1].u.ret);
    }
}

// The machine's own features; OSXSAVE and OSPKE are what the hypervisor has turned on.
void ask_about_features() {
    constexpr u32 words = 19, leaf1_ecx = 1, osxsave = 1u << 27, leaf7_ecx = 6, ospke = 1u << 4;
    for (u32 index = 0; index < 7; ++index) {
        prepare();
        auto* const features = reinterpret_cast<u32*>(arguments[2]);
        abi::Sysctl op{};
        op.cmd = abi::sysctl::get_cpu_featureset;
        op.interface_version = 0x15;
        op.u.cpu_featureset = {index, words, {address_of(features)}};
        i64 const answer = hypercall(abi::hypercall::sysctl, address_of(&op));
        print("featureset {}: {} {}\n", index, answer, op.u.cpu_featureset.nr_features);
        if (index != abi::featureset::raw) continue;
        features[leaf1_ecx] &= ~osxsave;
        features[leaf7_ecx] &= ~ospke;
        for (u32 i = 0; i < words; ++i) print("feature_word {}: {:x}\n", i, features[i]);
    }
}
}  // namespace

void guest::main() {
    arguments = {nullptr, reinterpret_cast<char*>(unmapped_address), static_cast<char*>(memory::allocate_contiguous(2)),
                 static_cast<char*>(memory::allocate_contiguous(2))};
    for (Family const& family : families) ask(family);
    for (u32 type = 0; type < 40; ++type) print("vm_assist {}: {} {}\n", type, vm_assist(0, type), vm_assist(1, type));
    ask_mmuext();
    ask_about_domains();
    ask_grants();
    constexpr std::array<u32, 5> platform_left_out{17, 35, 51, 53, 62};
    ask_structured("platform_op", abi::hypercall::platform_op, 70, abi::platform_interface_version, 0,
                   platform_left_out);
    constexpr u32 nobody = 1000;
    ask_structured("domctl", abi::hypercall::domctl, 90, 0x15, nobody);
    constexpr std::array<u32, 4> sysctl_left_out{1, 7, 18, 12};
    ask_structured("sysctl", abi::hypercall::sysctl, 32, 0x15, 0, sysctl_left_out);
    ask_about_registers();
    ask_about_features();
    for (u32 number : {16u, 19u, 31u, 37u, 38u, 39u, 41u, 42u, 43u, 47u, 48u, 49u, 55u, 56u, 63u})
        print("hypercall {}: {} {}\n", number, hypercall(number),
              hypercall(number, unmapped_address, unmapped_address));
    print("end of answers\n");
}
