// SPDX-License-Identifier: MIT
#include "model/hypercalls.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "core/mm/page_alloc.hpp"
#include "public/domctl.hpp"
#include "public/hypercall.hpp"
#include "public/platform.hpp"
#include "public/sysctl.hpp"

namespace model {
using namespace hosted;

namespace {
namespace number = abi::hypercall;

// What each argument is made of: c the sub-operation, s the structure in the scratch page, n a count, i a small index,
// d a domain, v an address, e a page-table entry's value, m a page-table entry's machine address, x anything.
struct Shape {
    u32 number;
    u32 commands;  // sub-operations, one more than there are
    char const* arguments;
};
constexpr Shape guest_calls[] = {
    {number::mmu_update, 1, "snxd"},       {number::mmu_update, 1, "snxd"},
    {number::mmuext_op, 1, "snxd"},        {number::mmuext_op, 1, "snxd"},
    {number::update_va_mapping, 1, "vei"}, {number::update_va_mapping_otherdomain, 1, "veid"},
    {number::memory_op, 30, "cs"},         {number::memory_op, 30, "cs"},
    {number::grant_table_op, 13, "csn"},   {number::grant_table_op, 13, "csn"},
    {number::grant_table_op, 6, "csn"},    {number::event_channel_op, 15, "cs"},
    {number::event_channel_op, 15, "cs"},  {number::event_channel_op, 15, "cs"},
    {number::vcpu_op, 15, "cis"},          {number::vcpu_op, 15, "cis"},
    {number::sched_op, 9, "cs"},           {number::multicall, 1, "sn"},
    {number::set_trap_table, 1, "s"},      {number::set_gdt, 1, "sx"},
    {number::update_descriptor, 1, "mx"},  {number::stack_switch, 1, "xx"},
    {number::set_callbacks, 1, "xxx"},     {number::callback_op, 4, "cs"},
    {number::set_timer_op, 1, "x"},        {number::xen_version, 12, "cs"},
    {number::console_io, 3, "cns"},        {number::vm_assist, 3, "ci"},
    {number::set_segment_base, 5, "cx"},   {number::set_debugreg, 9, "cx"},
    {number::get_debugreg, 9, "c"},        {number::fpu_taskswitch, 2, "c"},
    {number::physdev_op, 32, "cs"},        {number::platform_op, 1, "s"},
};
constexpr Shape dom0_calls[] = {
    {number::domctl, 84, ""},           {number::domctl, 84, ""},        {number::sysctl, 30, ""},
    {number::memory_op, 30, "cs"},      {number::mmu_update, 1, "snxd"}, {number::event_channel_op, 15, "cs"},
    {number::grant_table_op, 6, "csn"}, {number::physdev_op, 32, "cs"},
};

class Call {
public:
    Call(Stage& stage, std::uint8_t const* bytes)
        : stage_{stage},
          bytes_{bytes},
          is_dom0_{(bytes[0] & 0xe0) == 0xe0},
          self_{is_dom0_       ? stage.world.dom0()
                : bytes[0] & 1 ? stage.second
                               : stage.first},
          other_{bytes[0] & 1 ? stage.first : stage.second} {
        self_.active = is_dom0_ ? 0 : bytes[0] >> 1 & 1;
    }

    bool run() {
        Machine& machine = stage_.world.machine();
        machine.preempt_after = bytes_[3] % 8;
        machine.time += bytes_[0] >> 2 & 7;
        if (!is_dom0_) return_to_playground(self_);
        Shape const& shape =
            is_dom0_ ? dom0_calls[bytes_[1] % std::size(dom0_calls)] : guest_calls[bytes_[1] % std::size(guest_calls)];
        u32 const command = bytes_[2] % shape.commands;
        if (is_dom0_ && shape.number == number::domctl && is_the_end(command)) return false;
        fill_structure(shape.number, command);
        std::array<u64, 4> arguments{};
        for (usize i = 0; shape.arguments[i]; ++i) arguments[i] = argument(shape.arguments[i], command, bytes_[4 + i]);
        if (!*shape.arguments) arguments[0] = Guest::va(self_.scratch_pfn());
        return self_.call(shape.number, arguments) >= 0;
    }

private:
    // What ends the guests is for the end of the run.
    static bool is_the_end(u32 command) { return command == abi::domctl::destroydomain; }

    u64 playground_pfn(std::uint8_t byte) const { return 8 + byte % 12; }
    Domid domain(std::uint8_t byte) const {
        std::array const ids{abi::domid_self, self_.id(), other_.id(), abi::dom0, abi::domid_io, Domid{31000}};
        return ids[byte % ids.size()];
    }
    u64 entry_value(std::uint8_t byte) const {
        u64 const flags = (byte & 1 ? Pte::present : 0) | (byte & 2 ? Pte::writable : 0) | Pte::user;
        return Pte::make(self_.mfn(playground_pfn(byte >> 2)), flags).raw;
    }
    u64 anything(std::uint8_t byte) const {
        constexpr std::array values{
            u64{0},       ~u64{0},      u64{1} << 63, u64{0xffff'8000'0000'0000}, u64{0x8000'0000'0000},
            u64{1} << 32, u64{0xfffff}, u64{4096}};
        return byte & 0x80 ? values[byte % values.size()] : byte;
    }
    u64 argument(char kind, u32 command, std::uint8_t byte) const {
        switch (kind) {
            case 'c': return command;
            case 's': return byte == 255 ? 0 : Guest::va(self_.scratch_pfn());
            case 'n': return 1 + byte % 3;
            case 'i': return byte % 4;
            case 'd': return byte & 1 ? abi::domid_self.value : domain(byte >> 1).value;
            case 'v': return Guest::va(playground_pfn(byte));
            case 'e': return entry_value(byte);
            case 'm': return self_.leaf_address(playground_pfn(byte)).value;
            default: return anything(byte);
        }
    }

    // Fields one after another, each of its own size, as the bytes say; a tool's structure has its head in order.
    void fill_structure(u32 called, u32 command) {
        std::array<std::byte, 1024> structure{};
        usize at = 0;
        auto field = [&](auto value) {
            at = (at + sizeof value - 1) / sizeof value * sizeof value;
            std::memcpy(structure.data() + at, &value, sizeof value);
            at += sizeof value;
        };
        if (called == number::domctl) {
            field(command);
            field(abi::domctl_interface_version);
            field(u64{(bytes_[8] & 1 ? stage_.first : stage_.second).id().value});
        } else if (called == number::sysctl) {
            field(command);
            field(abi::sysctl_interface_version);
        } else if (called == number::platform_op) {
            field(u32{bytes_[8]});
            field(abi::platform_interface_version);
        }
        for (usize i = 9; i < bytes_per_call; ++i) {
            std::uint8_t const choice = bytes_[i];
            switch (choice % 10) {
                case 0: field(u32{choice} / 10 % 8); break;
                case 1: field(static_cast<u16>(choice / 10 % 8)); break;
                case 2: field(domain(choice / 10).value); break;
                case 3: field(self_.mfn(playground_pfn(choice / 10)).value); break;
                case 4: field(Guest::va(playground_pfn(choice / 10))); break;
                case 5: field(Guest::va(self_.scratch_pfn()) + 1024 + u64{choice} / 10 * 64); break;  // a list
                case 6: field(self_.leaf_address(playground_pfn(choice / 10)).value | (choice >= 200 ? 2 : 0)); break;
                case 7: field(entry_value(choice)); break;
                case 8: field(u64{choice} / 10); break;
                default: field(anything(static_cast<std::uint8_t>(choice * 7))); break;
            }
        }
        self_.put(structure);
        // What lists point to.
        for (u64 i = 0; i < 64; ++i)
            self_.put(i % 2 ? playground_pfn(static_cast<std::uint8_t>(bytes_[8] + i))
                            : self_.mfn(playground_pfn(static_cast<std::uint8_t>(bytes_[8] + i))).value,
                      1024 + i * 8);
    }

    Stage& stage_;
    std::uint8_t const* bytes_;
    bool is_dom0_;
    Guest& self_;
    Guest& other_;
};

void destroy_all(World& world) {
    world.machine().preempt_after = 0;
    world.machine().current = nullptr;
    for (u16 id = 1; Result<DomainRef> left = find_domain_from(Domid{id}); ++id) {
        id = (*left)->id.value;
        while (!destroy_domain(**left)) {}
    }
}
}  // namespace

void run_hypercalls(std::span<std::uint8_t const> bytes, unsigned audit_every, Tally& tally) {
    Stage stage;
    auto judge = [&](std::string const& when) {
        if (std::string danger = stage.world.machine().translations.danger(); !danger.empty())
            throw std::logic_error{when + ": " + danger};
        if (stage.world.mismatches())
            throw std::logic_error{when + " counts do not agree:\n" + stage.world.machine().console};
    };
    for (std::size_t at = 0; at + bytes_per_call <= bytes.size(); at += bytes_per_call) {
        ++tally.operations;
        tally.succeeded += Call{stage, bytes.data() + at}.run();
        if (tally.operations % audit_every == 0) judge("after call " + std::to_string(tally.operations));
    }
    stage.finish();
    judge("at the end");
    destroy_all(stage.world);
    judge("after all domains have gone");
}
}  // namespace model
