// SPDX-License-Identifier: MIT
// mmu_update, update_va_mapping, mmuext_op.
#include "fuzz.hpp"

namespace fuzz {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace ext = abi::mmuext;

constexpr u64 self = abi::domid_self.value;

u64 place(Fuzzer& f) {
    u64 table = f.random.one_in(4) ? f.frame() : pool.l1.value;
    if (table == pool.l2.value) { table = nowhere; }  // the guest's own roads go through it
    return table << 12 | u64{f.random.below(64)} * 8;
}

i64 update(Fuzzer& f, u64 command) {
    std::array<abi::MmuUpdate, 8> requests{};
    u32 count = 1 + f.random.below(8);
    for (u32 i = 0; i < count; ++i) {
        u64 value = command == abi::mmu::machphys_update ? f.random.below(2048) : f.entry();
        requests[i] = {place(f) | command, value};
    }
    if (command == abi::mmu::machphys_update) {
        // A frame that keeps its number: the guest itself believes the machine-to-physical table.
        u32 slot = f.random.below(pool_pages);
        requests[0] = {Fuzzer::spare(f.twist(pool.frames[slot])) << 12 | command,
                       guest::pfn_of(pool.memory[slot]).value};
        count = 1;
    }
    return guest::hypercall(hc::mmu_update, address_of(requests.data()), count, f.twist(0), self);
}

i64 normal(Fuzzer& f) { return update(f, abi::mmu::normal_pt_update); }
i64 preserving(Fuzzer& f) { return update(f, abi::mmu::pt_update_preserve_ad); }
i64 untranslated(Fuzzer& f) { return update(f, abi::mmu::pt_update_no_translate); }
i64 machphys(Fuzzer& f) { return update(f, abi::mmu::machphys_update); }

// An entry of the L2 table far behind those in use.
i64 upper_level(Fuzzer& f) {
    u64 where = pool.l2.value << 12 | u64{100 + f.random.below(8)} * 8;
    abi::MmuUpdate request{where, f.random.one_in(3) ? 0 : f.entry()};
    return guest::mmu_update(&request, 1);
}

i64 va_mapping(Fuzzer& f) {
    return guest::update_va_mapping(f.twist(f.window_address()), f.entry(), f.random.below(8));
}

// The linear mapping of a page of the pool: writable, read-only or gone.
i64 linear(Fuzzer& f) {
    u32 slot = f.random.below(pool_pages);
    u64 mfn = pool.frames[slot];
    if (mfn == 0) { return -1; }
    return guest::update_va_mapping(address_of(pool.memory[slot]),
                                    pt::entry(Mfn{mfn}, f.random.one_in(3) ? pte::read_write : pte::read_only));
}

i64 va_mapping_otherdomain(Fuzzer& f) {
    return guest::update_va_mapping_otherdomain(f.window_address(), f.entry(), f.random.below(8),
                                                guest::Domid{static_cast<u16>(f.twist(self))});
}

i64 one(Fuzzer& f, abi::MmuextOp op) {
    f.twist_inside(op.arg2);
    return guest::mmuext_op(&op, 1);
}

template <u32 command>
i64 on_frame(Fuzzer& f) {
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.mfn = Mfn{f.frame()};
    op.arg2.src_mfn = Mfn{f.frame()};
    return guest::mmuext_op(&op, 1);
}

// Of a page that has been made fit: read-only everywhere, and zero unless it was edited meanwhile.
template <u32 command>
i64 pin(Fuzzer& f) {
    u32 slot = f.random.below(pool_pages);
    u64 mfn = pool.frames[slot];
    if (mfn == 0) { return -1; }
    if (f.random.one_in(2)) {
        abi::MmuextOp clear{};
        clear.cmd = ext::clear_page;
        clear.arg1.mfn = Mfn{mfn};
        (void)guest::mmuext_op(&clear, 1);
    }
    (void)guest::update_va_mapping(address_of(pool.memory[slot]), pt::entry(Mfn{mfn}, pte::read_only));
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.mfn = Mfn{mfn};
    i64 result = guest::mmuext_op(&op, 1);
    if (result == 0 && f.random.one_in(2)) {
        op.cmd = ext::unpin_table;
        (void)guest::mmuext_op(&op, 1);
    }
    return result;
}

i64 same_root(Fuzzer&) {
    abi::MmuextOp op{};
    op.cmd = ext::new_baseptr;
    op.arg1.mfn = pt::kernel_root();
    return guest::mmuext_op(&op, 1);
}

i64 user_root(Fuzzer& f) {
    abi::MmuextOp op{};
    op.cmd = ext::new_user_baseptr;
    op.arg1.mfn = Mfn{f.random.one_in(2) ? 0 : f.frame()};
    return guest::mmuext_op(&op, 1);
}

template <u32 command>
i64 flush(Fuzzer& f) {
    u64* vcpus = reinterpret_cast<u64*>(f.result_place());
    *vcpus = f.random.below(4);
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.linear_addr = {f.window_address()};
    op.arg2.vcpumask = {f.twist(address_of(vcpus))};
    return guest::mmuext_op(&op, 1);
}

i64 local_descriptors(Fuzzer& f) {
    abi::MmuextOp op{};
    op.cmd = ext::set_ldt;
    op.arg1.linear_addr = {f.twist(address_of(f.page()))};
    op.arg2.nr_ents = f.random.one_in(2) ? 0 : f.random.below(600);
    return one(f, op);
}

i64 batch(Fuzzer& f) {
    std::array<abi::MmuextOp, 6> ops{};
    for (abi::MmuextOp& op : ops) {
        op.cmd = f.random.one_in(3) ? u32{ext::tlb_flush_local} : f.random.below(5);
        op.arg1.mfn = Mfn{f.frame()};
    }
    u32* done = reinterpret_cast<u32*>(f.result_place());
    return guest::mmuext_op(ops.data(), 1 + f.random.below(6), f.random.one_in(4) ? nullptr : done);
}

constexpr Operation list[] = {
    {"mmu_update normal", normal, 40},
    {"mmu_update preserve_ad", preserving},
    {"mmu_update no_translate", untranslated},
    {"mmu_update machphys", machphys},
    {"mmu_update level 2", upper_level, 20},
    {"update_va_mapping", va_mapping, 30},
    {"update_va_mapping linear", linear, 40},
    {"update_va_mapping_otherdomain", va_mapping_otherdomain},
    {"mmuext pin_l1", pin<ext::pin_l1_table>, 20},
    {"mmuext pin_l2", pin<ext::pin_l2_table>},
    {"mmuext pin_l3", pin<ext::pin_l3_table>},
    {"mmuext pin_l4", pin<ext::pin_l4_table>},
    {"mmuext unpin", on_frame<ext::unpin_table>, 40},
    {"mmuext new_baseptr", same_root},
    {"mmuext new_user_baseptr", user_root},
    {"mmuext tlb_flush_local", flush<ext::tlb_flush_local>},
    {"mmuext invlpg_local", flush<ext::invlpg_local>},
    {"mmuext tlb_flush_multi", flush<ext::tlb_flush_multi>},
    {"mmuext invlpg_multi", flush<ext::invlpg_multi>},
    {"mmuext tlb_flush_all", flush<ext::tlb_flush_all>},
    {"mmuext invlpg_all", flush<ext::invlpg_all>},
    {"mmuext flush_cache", flush<ext::flush_cache>, 2, true},
    {"mmuext set_ldt", local_descriptors},
    {"mmuext clear_page", on_frame<ext::clear_page>},
    {"mmuext copy_page", on_frame<ext::copy_page>},
    {"mmuext batch", batch},
};
}  // namespace

Operations table_operations() { return {std::begin(list), std::end(list)}; }
}  // namespace fuzz
